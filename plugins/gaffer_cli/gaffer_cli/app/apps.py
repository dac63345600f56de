"""`gaffer apps`: list the applications of gafferd."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation


@click.command("apps")
@click.pass_obj
def command(run: Invocation) -> None:
    """Show the names of the applications in gafferd, one a line.

    Jobs without an application are in the application default.

    \b
    Example:
      gaffer apps
    """
    sessions = run.server().sessions()
    run.show(sessions, sessions)
