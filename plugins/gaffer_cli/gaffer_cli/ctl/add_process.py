"""`gafferctl add_process`: add a job."""

from __future__ import annotations

from functools import partial

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("add_process")
@click.argument("name")
@click.argument("cmd")
@click.option("--start", is_flag=True, help="also start it")
@wait_options
@click.pass_obj
def command(run: Invocation, name: str, cmd: str, start: bool, wait: Wait) -> None:
    """Add a job with the name NAME and the command line CMD.

    `load_process` adds a job with other settings.

    \b
    Examples:
      gafferctl add_process web "python3 -m http.server"
      gafferctl add_process --start shop.worker ./worker.sh
    """
    from gaffer_kernel.plugin import describe_shell_syntax, find_shell_syntax

    if syntax := find_shell_syntax(cmd):
        run.warn(f"warning: {name}: {describe_shell_syntax(syntax)}")
    server = run.server()
    job = server.job(name)
    add = partial(server.add_process, name, cmd, start=start, wait=wait)
    _, watch = start_job(server, job, wait if start else None, add)
    run.show({"ok": True}, check_started({name: watch}) or "ok")
