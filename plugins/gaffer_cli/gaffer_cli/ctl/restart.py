"""`gafferctl restart`: replace the processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import require_names
from gaffer_cli.waiting import Wait, wait_options


@click.command("restart")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@wait_options
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], wait: Wait) -> int:
    """Replace the processes of jobs, and start those that are stopped.

    New processes start before the old ones are stopped, except in jobs with a port.

    NAME is a job, or a session for all its jobs; all stands for all jobs.

    \b
    Examples:
      gafferctl restart web
      gafferctl restart web shop.*
      gafferctl restart all
    """
    return change_jobs(
        run, require_names(run, names), lambda job: job.restart(wait), wait, starts=True
    )
