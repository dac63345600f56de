"""`gafferctl restart`: replace the processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("restart")
@click.argument("name", type=JOB)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Replace the processes of the job NAME, the new ones first; start it if it is stopped.

    \b
    Examples:
      gafferctl restart web
    """
    server = run.server()
    job = server.job(name)
    _, watch = start_job(server, job, wait, lambda: job.restart(wait))
    exits = check_started({name: watch})
    run.show({"ok": True}, exits or "ok")
