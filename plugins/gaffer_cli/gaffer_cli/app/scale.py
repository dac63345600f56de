"""`gaffer scale`: change the number of processes of an application."""

from __future__ import annotations

import click
from gaffer_client import Job, Server

from gaffer_cli.app.application import get_application_name
from gaffer_cli.app.attempts import Attempts
from gaffer_cli.app.loaded import get_job_names
from gaffer_cli.app.port_conflicts import warn_port_conflicts
from gaffer_cli.app.process_types import CHANGE, Change, parse_change
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import suggest_similar
from gaffer_cli.starting import StartWatch, get_started, start_job
from gaffer_cli.waiting import Wait, wait_options

PORTS_PER_TYPE = 100
"""Processes of a type whose PORT is not that of another type: types are 100 ports apart."""


@click.command("scale")
@click.argument(
    "words", nargs=-1, required=True, metavar="[APP] TYPE=N|TYPE+N|TYPE-N...", type=CHANGE
)
@wait_options
@click.pass_obj
def command(run: Invocation, words: tuple[str, ...], wait: Wait) -> int:
    """Set the number of processes of a type of the application APP to N, or change it by N.

    Without APP, or with ., it is the application of this folder.

    \b
    Examples:
      gaffer scale web=3
      gaffer scale web=3 worker+2
      gaffer scale shop worker-1
    """
    server = run.server()
    name, changes = _parse_words(server, words)
    app = get_application_name(run, name)
    get_job_names(server, app)
    attempts = Attempts(run)
    counts: dict[str, int] = {}
    started: dict[str, StartWatch | None] = {}
    for type_, change in changes:
        with attempts.attempt(type_), suggest_similar(server):
            job = server.job(type_, app)
            counts[type_], started[type_] = _scale(server, job, change, wait)
            if not run.json:
                done = _describe(job, counts[type_])
                run.print_line(f"Scaling {type_} processes... done, {done}")
    for type_, first in get_started(started).items():
        with attempts.attempt(type_):
            for line in first.require_success(type_):
                run.warn(line)
    if any(number > PORTS_PER_TYPE for number in counts.values()):
        _warn_port_conflicts(run, server, app)
    if run.json:
        run.show({"ok": not attempts.errors, "numprocesses": counts, "errors": attempts.errors}, ())
    return attempts.status


def _scale(server: Server, job: Job, change: str, wait: Wait) -> tuple[int, StartWatch | None]:
    return start_job(server, job, wait, lambda: job.scale(change, wait))


def _warn_port_conflicts(run: Invocation, server: Server, app: str) -> None:
    from gaffer_procfile.ports import get_ports

    infos = [server.job(each).info() for each in get_job_names(server, app)]
    warn_port_conflicts(
        run, [get_ports(each.job, each.config.get("port"), each.numprocesses) for each in infos]
    )


def _describe(job: Job, number: int) -> str:
    stopped = job.status().stopped
    return f"{number} when it is started" if stopped else f"now running {number}"


def _parse_words(server: Server, words: tuple[str, ...]) -> tuple[str | None, list[Change]]:
    """Return the name of the application, if it is given, and the changes."""
    first, *rest = words
    if parse_change(first) is None:
        name = first
    elif rest and first in server.sessions():
        # `app-1 web=3`: an application whose name looks like a change.
        name = first
    else:
        return None, [_require_change(word) for word in words]
    if not rest:
        raise click.UsageError(f"nothing to change: {first!r} is not TYPE=N, TYPE+N or TYPE-N")
    return name, [_require_change(word) for word in rest]


def _require_change(word: str) -> Change:
    change = parse_change(word)
    if change is None:
        raise click.UsageError(f"{word!r} is not TYPE=N, TYPE+N or TYPE-N")
    return change
