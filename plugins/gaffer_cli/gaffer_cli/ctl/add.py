"""`gafferctl add`: increase the number of processes of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("add")
@click.argument("name", type=JOB)
@click.argument("inc", type=click.IntRange(min=0), default=1)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, inc: int, wait: Wait) -> None:
    """Increase the number of processes of the job NAME by INC, default 1, and print it.

    A stopped job runs them when it is started.

    \b
    Examples:
      gafferctl add web 3
      gafferctl add shop.worker
    """
    server = run.server()
    job = server.job(name)
    number, watch = start_job(server, job, wait, lambda: job.add(inc, wait))
    exits = check_started({name: watch})
    run.show({"ok": True, "numprocesses": number}, [str(number), *exits])
