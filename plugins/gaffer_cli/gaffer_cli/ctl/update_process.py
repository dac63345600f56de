"""`gafferctl update_process`: change the command line of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("update_process")
@click.argument("name", type=JOB)
@click.argument("cmd")
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, cmd: str, wait: Wait) -> None:
    """Change the command line of the job NAME to CMD, and replace its processes.

    The rest of its configuration is unchanged; a stopped job stays stopped.

    \b
    Example:
      gafferctl update_process web "python3 -m http.server 8080"
    """
    server = run.server()
    job = server.job(name)
    kept = {key: value for key, value in job.info().config.items() if key not in ("args", "start")}
    fields = {**kept, "cmd": cmd}
    _, watch = start_job(server, job, wait, lambda: job.update(wait, **fields))
    run.show({"ok": True}, check_started({name: watch}) or "ok")
