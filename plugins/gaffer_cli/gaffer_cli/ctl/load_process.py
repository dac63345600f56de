"""`gafferctl load_process`: add the jobs of a file."""

from __future__ import annotations

from functools import partial

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.job_file import load_job, read_jobs
from gaffer_cli.starting import check_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("load_process")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--start", is_flag=True, help="also start them")
@wait_options
@click.pass_obj
def command(run: Invocation, file: str, start: bool, wait: Wait) -> None:
    """Add the job in FILE, in JSON, or all jobs of {"jobs": [...]}; - is standard input.

    A job has a name and a cmd, and the other keys of [process:NAME] in docs/configuration.md.

    \b
    Examples:
      gafferctl load_process web.json
      gafferctl get_process web | gafferctl --connect http://other:5000 load_process --start -
    """
    server = run.server()
    started = {}
    for fields in read_jobs(file):
        name = fields["name"]
        load = partial(load_job, server, {**fields, "start": start}, wait)
        started[name] = start_job(server, server.job(name), wait if start else None, load)[1]
    run.show({"ok": True}, check_started(started) or "ok")
