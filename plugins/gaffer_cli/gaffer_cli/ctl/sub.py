"""`gafferctl sub`: run fewer processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("sub")
@click.argument("name", type=JOB)
@click.argument("inc", type=click.IntRange(min=0), default=1)
@waiting
@click.pass_obj
def command(run: Invocation, name: str, inc: int, wait: Wait) -> None:
    """Have INC fewer processes of the job NAME, 1 if not given; print how many are wanted now.

    Never less than none. A job without processes is not stopped: `add` brings some back.

    \b
    Examples:
      gafferctl sub web 2
      gafferctl sub shop.worker
    """
    job = run.server().job(name)
    wanted = settle(name, lambda: job.sub(inc, wait))
    run.show({"ok": True, "numprocesses": wanted}, str(wanted))
