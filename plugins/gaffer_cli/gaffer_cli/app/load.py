"""`gaffer load`: load an application into gafferd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
from gaffer_client import ArgumentError, Server
from gaffer_client.names import JobName, check_part

from gaffer_cli.app.application import (
    get_application_name,
    port_option,
    read_application,
    set_first_port,
)
from gaffer_cli.app.attempts import Attempts
from gaffer_cli.app.concurrency import concurrency_option
from gaffer_cli.app.difference import (
    KINDS,
    Change,
    check_same_application,
    find_change,
    find_removed,
    get_loaded,
)
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

    If the application is loaded, the differences are applied and printed: new types are loaded,
    changed ones replaced, types that are no longer in the Procfile unloaded, all others left
    alone. What is stopped stays stopped, and a type keeps its number unless -c names it.

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
        jobs = _Jobs(read_jobs(name, session=app))
        what = name if app is None else app
    else:
        what = _name(run, app or name)
        jobs = _read_procfile(run, what, concurrency, port)
    if nostart:
        jobs = replace(jobs, fields=[{**fields, "start": False} for fields in jobs.fields])
    return _load(run, what, jobs, wait)


@dataclass(frozen=True)
class _Jobs:
    """The jobs to load.

    Attributes:
        fields: their fields.
        root: the folder of the Procfile; empty for jobs in JSON.
        counts: the numbers that the user named, by type or `all`.
    """

    fields: list[Fields]
    root: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def sets_number(self, fields: Fields) -> bool:
        """Return whether the user has named the number of instances of a job."""
        from gaffer_procfile.application import RELEASE
        from gaffer_procfile.concurrency import ALL

        if not self.root:
            return "numprocesses" in fields
        name = JobName.parse(fields["name"]).name
        return name in self.counts or (ALL in self.counts and name != RELEASE)


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
) -> _Jobs:
    from gaffer_procfile.application import RELEASE
    from gaffer_procfile.ports import get_type_ports

    read = set_first_port(read_application(run, concurrency), port)
    read = avoid_gafferd_ports(read, run.server().url)
    warn_port_conflicts(run, get_type_ports(read))
    # Started, it would be active without processes; gafferctl commit runs it once.
    stopped = {RELEASE} - read.concurrency.keys()
    fields = [
        {**job.to_dict(), "name": f"{app}.{job.name}", "start": job.name not in stopped}
        for job in read.jobs()
    ]
    return _Jobs(fields, str(read.root), read.concurrency)


def _load(run: Invocation, what: str, jobs: _Jobs, wait: Wait) -> int:
    server = run.server()
    attempts = Attempts(run)
    loaded = get_loaded(server, (JobName.parse(each["name"]).session for each in jobs.fields))
    names = [fields["name"] for fields in jobs.fields]
    changes = find_removed(loaded, names, jobs.root) if jobs.root else []
    for change in changes:
        with attempts.attempt(change.name):
            _apply(server, change, wait)
    started: dict[str, StartWatch | None] = {}
    for fields in jobs.fields:
        name, known = fields["name"], loaded.get(fields["name"])
        with attempts.attempt(name):
            if jobs.root:
                check_same_application(fields, known)
            change = find_change(fields, known, sets_number=jobs.sets_number(fields))
            changes.append(change)
            starts = change.kind != "unchanged" and change.fields.get("start", True)
            send = partial(_apply, server, change, wait)
            started[name] = start_job(server, server.job(name), wait if starts else None, send)[1]
    exits = []
    done = [each for each in changes if each.name not in attempts.errors]
    for name, first in get_started(started).items():
        with attempts.attempt(name):
            exits += first.require_success(name)
    _show(run, server, what, _Result(names, done, attempts, exits))
    return attempts.status


def _apply(server: Server, change: Change, wait: Wait) -> None:
    """Send the request that makes a change."""
    job = server.job(change.name)
    kept = {key: each for key, each in change.fields.items() if key not in ("name", "start")}
    match change.kind:
        case "loaded":
            load_job(server, change.fields, wait)
        case "changed":
            job.update(wait, **kept)
        case "scaled":
            job.scale(f"={change.fields['numprocesses']}", wait)
        case "unloaded":
            job.unload(wait)


class _Result(NamedTuple):
    """The result of `gaffer load`.

    Attributes:
        names: the names of all jobs to load.
        changes: those that were made.
        attempts: the errors.
        exits: a line for each process that has exited already.
    """

    names: list[str]
    changes: list[Change]
    attempts: Attempts
    exits: list[str]


def _show(run: Invocation, server: Server, what: str, result: _Result) -> None:
    names, changes, attempts, exits = result
    by_kind: dict[str, list[str]] = {
        kind: [each.name for each in changes if each.kind == kind] for kind in KINDS
    }
    counts = [f"{len(found)} {kind}" for kind, found in by_kind.items() if found]
    done = len({each.name for each in changes}.intersection(names))
    lines = []
    if done < len(names):
        last = f"{done} of {len(names)} jobs of {what!r} have been loaded in {server.url}"
    elif len(by_kind["loaded"]) == len(changes):
        last = f"{what!r} has been loaded in {server.url}"
    elif counts:
        lines = [each.describe() for each in changes if each.kind != "unchanged"]
        last = f"{what!r} has been updated in {server.url}: {', '.join(counts)}"
    else:
        last = f"{what!r} has not changed, in {server.url}"
    lines += [
        f"{each.name}: stopped; gafferctl start {each.name} starts it"
        for each in changes
        if each.kind in ("changed", "scaled", "unchanged") and not each.fields["start"]
        if each.fields["numprocesses"]
    ]
    urls = _get_urls(server, [each.fields for each in changes if each.fields])
    data = {"ok": not attempts.errors, **by_kind, "errors": attempts.errors}
    shown = [f"{process} {url}" for process, url in urls.items()]
    run.show({**data, "url": server.url, "urls": urls}, [*exits, *lines, last, *shown])


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
