"""`gafferctl reload`: stop the processes of a job, and start new ones."""

from __future__ import annotations

import click
from gaffer_client import Job

from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.exit_codes import NotRunningError
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import require_names
from gaffer_cli.waiting import Wait, wait_options


@click.command("reload")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@wait_options
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], wait: Wait) -> int:
    """Stop the processes of jobs, then start as many as configured.

    A stopped job stays stopped, which is an error with status 3.

    NAME is a job, or a session for all its jobs; all stands for all jobs. Without a name,
    gaffer takes the application of this folder; it also takes its types, such as web.

    \b
    Examples:
      gafferctl reload web
      gafferctl reload web shop.*
      gafferctl reload all
    """

    def reload(job: Job) -> None:
        job.reload(wait)
        if job.status().stopped:
            raise NotRunningError(f"{job.name}: stopped, so nothing was started: use start")

    return change_jobs(run, require_names(run, names), reload, wait, starts=True)
