"""`gafferctl numprocesses`: show the configured number of processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation


@click.command("numprocesses")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Show the configured number of processes of the job NAME, which run while it is active.

    \b
    Example:
      gafferctl numprocesses web
    """
    number = run.server().job(name).status().numprocesses
    run.show(number, str(number))
