"""`gafferctl load_process`: add the jobs of a file."""

from __future__ import annotations

from functools import partial

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.jobfile import load_job, read_jobs
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("load_process")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--start", is_flag=True, help="start them, too")
@waiting
@click.pass_obj
def command(run: Invocation, file: str, start: bool, wait: Wait) -> None:
    """Add the job in FILE, in JSON, or all of {"jobs": [...]}; - is standard input.

    A job has a name and a cmd, and what else docs/configuration.md says of [process:NAME].

    \b
    Examples:
      gafferctl load_process web.json
      gafferctl get_process web | gafferctl --connect http://other:5000 load_process --start -
    """
    server = run.server()
    for fields in read_jobs(file):
        name = fields["name"]
        starting = server.job(name) if start else None
        load = partial(load_job, server, {**fields, "start": start}, wait)
        settle(name, load, starting=starting)
    run.show({"ok": True}, "ok")
