"""`gafferctl stop`: stop a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("stop")
@click.argument("name", type=JOB)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Stop all processes of the job NAME; the next start runs as many again.

    \b
    Examples:
      gafferctl stop web
      gafferctl stop shop.worker --no-wait
    """
    job = run.server().job(name)
    wait_settled(name, lambda: job.stop(wait))
    run.show({"ok": True}, "ok")
