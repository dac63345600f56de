"""`gafferctl start`: start a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("start")
@click.argument("name", type=JOB)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Start the job NAME: run its processes, and keep them alive.

    \b
    Examples:
      gafferctl start web
      gafferctl start shop.worker --wait 5
    """
    job = run.server().job(name)
    wait_settled(name, lambda: job.start(wait), starting=job)
    run.show({"ok": True}, "ok")
