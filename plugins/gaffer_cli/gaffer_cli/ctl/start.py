"""`gafferctl start`: start a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import require_names
from gaffer_cli.waiting import Wait, wait_options


@click.command("start")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@wait_options
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], wait: Wait) -> int:
    """Start jobs: run their processes, and keep them alive.

    NAME is a job, or a session for all its jobs; all stands for all jobs.

    \b
    Examples:
      gafferctl start web
      gafferctl start web shop.*
      gafferctl start all
      gafferctl start shop.worker --wait 5
    """
    return change_jobs(
        run, require_names(run, names), lambda job: job.start(wait), wait, starts=True
    )
