"""`gafferctl restart`: replace the processes of a job."""

from __future__ import annotations

import click
from gaffer_client import Job

from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import require_names
from gaffer_cli.waiting import Wait, wait_options


@click.command("restart")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@click.option(
    "--rolling", is_flag=True, help="replace one process at a time, unless restart_batch says more"
)
@click.option(
    "--batch", metavar="N", help="replace so many at a time: a number, a part such as 25%, or all"
)
@wait_options
@click.pass_obj
def command(
    run: Invocation, names: tuple[str, ...], wait: Wait, rolling: bool, batch: str | None
) -> int:
    """Replace the processes of jobs, and start those that are stopped.

    New processes start before the old ones are stopped, except in jobs with a port.
    If a new process fails before it is ready, the old ones run on, and the status is 1.
    It is ready when it has lived ready_after seconds: 1 with --rolling or --batch, else 0,
    unless the job says otherwise.

    NAME is a job, or a session for all its jobs; all stands for all jobs.

    \b
    Examples:
      gafferctl restart web
      gafferctl restart web shop.*
      gafferctl restart all
      gafferctl restart web --rolling
      gafferctl restart web --batch 25%
    """

    def send(job: Job) -> bool:
        return job.restart(wait, rolling=rolling, batch=batch)

    return change_jobs(run, require_names(run, names), send, wait, starts=True)
