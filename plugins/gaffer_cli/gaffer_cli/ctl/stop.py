"""`gafferctl stop`: stop a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import require_names
from gaffer_cli.waiting import Wait, wait_options


@click.command("stop")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@wait_options
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], wait: Wait) -> int:
    """Stop all processes of jobs; the next start runs as many again.

    NAME is a job, or a session for all its jobs; all stands for all jobs. Without a name,
    gaffer takes the application of this folder; it also takes its types, such as web.

    \b
    Examples:
      gafferctl stop web
      gafferctl stop web shop.*
      gafferctl stop all
      gafferctl stop shop.worker --no-wait
    """
    return change_jobs(
        run, require_names(run, names), lambda job: job.stop(wait), wait, starts=False
    )
