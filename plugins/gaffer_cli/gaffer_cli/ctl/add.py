"""`gafferctl add`: run more processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("add")
@click.argument("name", type=JOB)
@click.argument("inc", type=click.IntRange(min=0), default=1)
@waiting
@click.pass_obj
def command(run: Invocation, name: str, inc: int, wait: Wait) -> None:
    """Have INC more processes of the job NAME, 1 if not given; print how many are wanted now.

    A job that is stopped has them when it is started.

    \b
    Examples:
      gafferctl add web 3
      gafferctl add shop.worker
    """
    job = run.server().job(name)
    wanted = settle(name, lambda: job.add(inc, wait), starting=job)
    run.show({"ok": True, "numprocesses": wanted}, str(wanted))
