"""`gaffer restart`: replace the processes of an application in gafferd."""

from __future__ import annotations

import click
from gaffer_client import Server
from gaffer_client.names import has_session

from gaffer_cli.app.application import HERE
from gaffer_cli.app.loaded import change_application
from gaffer_cli.arguments import JOB
from gaffer_cli.change_jobs import change_jobs
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import get_own_application, get_type_name
from gaffer_cli.waiting import Wait, wait_options


@click.command("restart")
@click.argument("name", type=JOB, required=False)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str | None, wait: Wait) -> int:
    """Replace all processes of the application NAME in gafferd, or of one job.

    The new processes start first, except in jobs with a port, and run new code; to apply a changed
    Procfile, use load. Without a name, or with ., NAME is the application of this folder; a job can
    be a type of it, such as web.

    \b
    Examples:
      gaffer restart
      gaffer restart shop
      gaffer restart web
      gaffer restart shop.web
    """
    if name is not None and _is_job(run, run.server(), name):
        return change_jobs(run, [name], lambda job: job.restart(wait), wait, starts=True)
    change_application(
        run,
        name,
        lambda session: session.restart(wait),
        "restarted",
        starts=wait is not None,
    )
    return 0


def _is_job(run: Invocation, server: Server, name: str) -> bool:
    if has_session(name):
        return name != HERE
    if name in server.sessions():
        return False
    known = server.jobs()
    return name in known or get_type_name(get_own_application(run), name) in known
