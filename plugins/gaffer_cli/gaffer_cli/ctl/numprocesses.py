"""`gafferctl numprocesses`: how many processes of a job are wanted."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB


@click.command("numprocesses")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Print how many processes of the job NAME are wanted while it is active.

    \b
    Example:
      gafferctl numprocesses web
    """
    wanted = run.server().job(name).status().numprocesses
    run.show(wanted, str(wanted))
