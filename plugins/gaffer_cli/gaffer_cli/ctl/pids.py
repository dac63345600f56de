"""`gafferctl pids`: the pids of a job's processes."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB


@click.command("pids")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Print the pids of the processes of the job NAME, one a line.

    These are gaffer's own numbers, which `kill` takes, too; no two processes have the same.

    \b
    Example:
      gafferctl pids web
    """
    pids = run.server().job(name).pids()
    run.show(pids, map(str, pids))
