"""`gafferctl del_process`: remove a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("del_process")
@click.argument("name", type=JOB)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, wait: Wait) -> None:
    """Stop the job NAME and remove it.

    \b
    Examples:
      gafferctl del_process web
    """
    job = run.server().job(name)
    wait_settled(name, lambda: job.unload(wait))
    run.show({"ok": True}, "ok")
