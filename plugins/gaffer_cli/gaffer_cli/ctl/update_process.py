"""`gafferctl update_process`: give a job another command line."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("update_process")
@click.argument("name", type=JOB)
@click.argument("cmd")
@waiting
@click.pass_obj
def command(run: Invocation, name: str, cmd: str, wait: Wait) -> None:
    """Give the job NAME the command line CMD in place of its own, and replace its processes.

    All else of its configuration stays, and so does whether it is stopped.

    \b
    Example:
      gafferctl update_process web "python3 -m http.server 8080"
    """
    job = run.server().job(name)
    kept = {key: value for key, value in job.info().config.items() if key not in ("args", "start")}
    settle(name, lambda: job.update(wait, **{**kept, "cmd": cmd}), starting=job)
    run.show({"ok": True}, "ok")
