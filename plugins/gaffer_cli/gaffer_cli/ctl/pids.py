"""`gafferctl pids`: show the pids of the processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation


@click.command("pids")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Show the pids of the processes of the job NAME, one a line.

    These are gaffer's own numbers, which `kill` also takes; they are never reused.

    \b
    Example:
      gafferctl pids web
    """
    pids = run.server().job(name).pids()
    run.show(pids, map(str, pids))
