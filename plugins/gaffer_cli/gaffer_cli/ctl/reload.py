"""`gafferctl reload`: run a job anew."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("reload")
@click.argument("name", type=JOB)
@waiting
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """End the processes of the job NAME, then start as many as its configuration says.

    \b
    Examples:
      gafferctl reload web
    """
    job = run.server().job(name)
    settle(name, lambda: job.reload(wait), starting=job)
    run.show({"ok": True}, "ok")
