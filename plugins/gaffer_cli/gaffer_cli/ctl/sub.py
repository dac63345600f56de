"""`gafferctl sub`: decrease the number of processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("sub")
@click.argument("name", type=JOB)
@click.argument("inc", type=click.IntRange(min=0), default=1)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, inc: int, wait: Wait) -> None:
    """Decrease the number of processes of the job NAME by INC, default 1, and print it.

    The number is at least 0. A job with 0 processes is still active: `add` starts some again.

    \b
    Examples:
      gafferctl sub web 2
      gafferctl sub shop.worker
    """
    job = run.server().job(name)
    number = wait_settled(name, lambda: job.sub(inc, wait))
    run.show({"ok": True, "numprocesses": number}, str(number))
