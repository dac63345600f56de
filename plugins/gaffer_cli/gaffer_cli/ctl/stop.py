"""`gafferctl stop`: have a job not running."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("stop")
@click.argument("name", type=JOB)
@waiting
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Stop the job NAME, all its processes; how many it had is kept for the next start.

    \b
    Examples:
      gafferctl stop web
      gafferctl stop shop.worker --no-wait
    """
    job = run.server().job(name)
    settle(name, lambda: job.stop(wait))
    run.show({"ok": True}, "ok")
