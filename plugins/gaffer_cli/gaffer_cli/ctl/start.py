"""`gafferctl start`: have a job running."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("start")
@click.argument("name", type=JOB)
@waiting
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Start the job NAME: have its processes running, and keep them alive.

    \b
    Examples:
      gafferctl start web
      gafferctl start shop.worker --wait 5
    """
    job = run.server().job(name)
    settle(name, lambda: job.start(wait), starting=job)
    run.show({"ok": True}, "ok")
