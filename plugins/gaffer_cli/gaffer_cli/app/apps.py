"""`gaffer apps`: the applications that gafferd has."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation


@click.command("apps")
@click.pass_obj
def command(run: Invocation) -> None:
    """Print the names of the applications that gafferd has, one a line.

    Jobs that belong to none are in the application default.

    \b
    Example:
      gaffer apps
    """
    sessions = run.server().sessions()
    run.show(sessions, sessions)
