"""`gafferctl reload`: stop the processes of a job, and start new ones."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("reload")
@click.argument("name", type=JOB)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Stop the processes of the job NAME, then start as many as configured.

    \b
    Examples:
      gafferctl reload web
    """
    server = run.server()
    job = server.job(name)
    _, watch = start_job(server, job, wait, lambda: job.reload(wait))
    exits = check_started({name: watch})
    run.show({"ok": True}, exits or "ok")
