"""`gaffer load`: load an application into gafferd."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
from gaffer_client import ArgumentError, ConflictError, Job, Server
from gaffer_client.names import JobName, check_part

from gaffer_cli.app.application import (
    get_application_name,
    port_option,
    read_application,
    set_first_port,
)
from gaffer_cli.app.attempts import Attempts
from gaffer_cli.app.concurrency import concurrency_option
from gaffer_cli.app.port_conflicts import avoid_gafferd_ports, get_host, warn_port_conflicts
from gaffer_cli.arguments import SESSION
from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_file import STDIN, Fields, load_job, read_jobs
from gaffer_cli.starting import StartWatch, get_started, start_job
from gaffer_cli.waiting import Wait, wait_options


@click.command("load")
@click.argument("name", required=False, metavar="[NAME|FILE|-]", type=SESSION)
@concurrency_option
@port_option
@click.option("--nostart", is_flag=True, help="load it without starting it")
@click.option("--app", metavar="NAME", help="application of the jobs in FILE that name none")
@wait_options
@click.pass_obj
def command(
    run: Invocation,
    name: str | None,
    concurrency: tuple[str, ...],
    port: int | None,
    nostart: bool,
    app: str | None,
    wait: Wait,
) -> int:
    """Load the application of this folder into gafferd, under the name NAME.

    Without a name, or with ., its name is that of the folder. In place of a Procfile, FILE or
    standard input (-) can hold a job in JSON, or {"jobs": [...]}, as gaffer export writes it.

    The types get PORT as in gaffer start, except that they leave the hundred in which gafferd
    listens to it: on a gafferd on port 5000 the first type gets 5100. With -p, or a PORT of the
    environment or .env, the first type gets that one.

    The type `release` is not started, unless -c names it: gafferctl commit shop.release runs it.

    \b
    Examples:
      gaffer load
      gaffer load -c web=2,worker=3 shop
      gaffer -d ~/shop load --nostart
      gaffer load shop.json
    """
    if name == STDIN or (name is not None and Path(name).is_file()):
        if concurrency:
            raise click.UsageError("--concurrency is for a Procfile: FILE has numbers of its own")
        if port is not None:
            raise click.UsageError("--port is for a Procfile: FILE has ports of its own")
        jobs = read_jobs(name, session=app)
        what = name if app is None else app
    else:
        what = _name(run, app or name)
        jobs = _read_procfile(run, what, concurrency, port)
    return _load(run, what, [{**job, "start": False} for job in jobs] if nostart else jobs, wait)


def _name(run: Invocation, name: str | None) -> str:
    try:
        return check_part(get_application_name(run, name))
    except ArgumentError:
        raise CommandError(
            f"{name!r} is neither a file nor the name of an application, of letters, digits, _, -"
            " and +; a folder is named with -d",
            USAGE,
        ) from None


def _read_procfile(
    run: Invocation, app: str, concurrency: tuple[str, ...], port: int | None
) -> list[Fields]:
    from gaffer_procfile.application import RELEASE
    from gaffer_procfile.ports import get_type_ports

    read = set_first_port(read_application(run, concurrency), port)
    read = avoid_gafferd_ports(read, run.server().url)
    warn_port_conflicts(run, get_type_ports(read))
    # Started, it would be active without processes; gafferctl commit runs it once.
    stopped = {RELEASE} - read.concurrency.keys()
    return [
        {**job.to_dict(), "name": f"{app}.{job.name}", "start": job.name not in stopped}
        for job in read.jobs()
    ]


def _load(run: Invocation, what: str, jobs: list[Fields], wait: Wait) -> int:
    server = run.server()
    attempts = Attempts(run)
    started: dict[str, StartWatch | None] = {}
    for fields in jobs:
        name = fields["name"]
        with attempts.attempt(name):
            starting = wait if fields.get("start", True) else None
            load = partial(_load_job, server, fields, wait)
            started[name] = start_job(server, server.job(name), starting, load)[1]
    loaded = [fields["name"] for fields in jobs if fields["name"] not in attempts.errors]
    exits = []
    for name, first in get_started(started).items():
        with attempts.attempt(name):
            exits += first.require_success(name)
    if len(loaded) == len(jobs):
        line = f"{what!r} has been loaded in {server.url}"
    else:
        line = f"{len(loaded)} of {len(jobs)} jobs of {what!r} have been loaded in {server.url}"
    urls = _get_urls(server, [fields for fields in jobs if fields["name"] in loaded])
    result = {"ok": not attempts.errors, "loaded": loaded, "errors": attempts.errors}
    lines = [f"{process} {url}" for process, url in urls.items()]
    run.show({**result, "url": server.url, "urls": urls}, [*exits, line, *lines])
    return attempts.status


def _get_urls(server: Server, jobs: list[Fields]) -> dict[str, str]:
    """Return the URLs of the processes that jobs start, by the names of the processes."""
    from gaffer_procfile.ports import get_process_url

    host = get_host(server.url)
    found = {}
    for fields in jobs:
        job = JobName.parse(fields["name"]).name
        count = fields.get("numprocesses", 1) if fields.get("start", True) else 0
        for number in range(1, count + 1):
            url = get_process_url(job, fields["cmd"], fields.get("port"), number, host)
            if url is not None:
                found[f"{job}.{number}"] = url
    return found


def _load_job(server: Server, fields: Fields, wait: Wait) -> Job:
    try:
        return load_job(server, fields, wait)
    except ConflictError as error:
        app = JobName.parse(fields["name"]).session
        raise CommandError(
            f"{error}: gaffer unload {app} first, to load it again, or gaffer restart {app}"
        ) from None
