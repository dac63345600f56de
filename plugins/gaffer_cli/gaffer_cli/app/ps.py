"""`gaffer ps`: show the processes of an application."""

from __future__ import annotations

import shlex
from typing import Any

import click

from gaffer_cli.app.application import get_application_name
from gaffer_cli.app.loaded import not_loaded_error
from gaffer_cli.arguments import SESSION
from gaffer_cli.condition import describe_condition, get_state
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import get_own_application, get_type_name, is_gaffer
from gaffer_cli.processes import JobRows, format_rows, read_jobs


@click.command("ps")
@click.argument("name", type=SESSION, required=False)
@click.pass_obj
def command(run: Invocation, name: str | None) -> None:
    """Show the processes of the application NAME in gafferd.

    PID is gaffer's number, which other verbs take, and that of the system. CPU is in percent of one
    processor and MEM the resident memory, both of a process and its descendants; they need
    gaffer-stats. RESTARTS and LAST EXIT are those of all processes of a type. PORT is a URL if the
    process probably serves HTTP.

    Without a name, or with ., it is the application of this folder; gafferctl shows all. NAME can
    also be a job, or a type of the application of this folder.

    On a narrow terminal, columns are left out.

    \b
    Examples:
      gaffer ps
      gaffer ps shop
      gaffer ps web
    """
    server = run.server()
    jobs = server.status()
    is_one = name is not None or is_gaffer()
    if is_one:
        app = get_application_name(run, name)
        chosen = [each for each in jobs if each.session == app]
        if not chosen:
            types = {app, get_type_name(get_own_application(run), app)}
            chosen = [each for each in jobs if each.name in types]
        if not chosen:
            raise not_loaded_error(server, app)
        jobs = chosen
    found = read_jobs(server, jobs, short=is_one)
    run.show(
        [_to_json(each) for each in found], format_rows(row for job in found for row in job.rows)
    )


def _to_json(job: JobRows) -> dict[str, Any]:
    status = job.status
    return {
        "name": status.job,
        "session": status.session,
        "cmd": " ".join([job.info.config["cmd"], *map(shlex.quote, job.info.config["args"])]),
        "state": get_state(status),
        "condition": describe_condition(status),
        "numprocesses": status.numprocesses,
        "restarts": status.restarts,
        "last_exit": status.last_exit,
        "cpu": job.stats.cpu if job.stats else None,
        "mem": job.stats.mem if job.stats else None,
        "processes": [row for row in job.rows if row.pid is not None],
    }
