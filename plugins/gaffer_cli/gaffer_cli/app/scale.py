"""`gaffer scale`: have gafferd run more or fewer processes of an application."""

from __future__ import annotations

import click
from gaffer_client import Job, Server

from gaffer_cli.app.application import application_name
from gaffer_cli.app.attempts import Attempts
from gaffer_cli.app.loaded import jobs_of
from gaffer_cli.app.ports import tell_clashes
from gaffer_cli.app.types import CHANGE, Change, change_of
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, settle, waiting

FEW = 100
"""Processes of a type that have ports of their own, with types that are a hundred apart."""


@click.command("scale")
@click.argument(
    "words", nargs=-1, required=True, metavar="[APP] TYPE=N|TYPE+N|TYPE-N...", type=CHANGE
)
@waiting
@click.pass_obj
def command(run: Invocation, words: tuple[str, ...], wait: Wait) -> int:
    """Have N processes of a type of the application APP, or N more, or N less.

    Without APP, or with ., it is the application of this folder.

    \b
    Examples:
      gaffer scale web=3
      gaffer scale web=3 worker+2
      gaffer scale shop worker-1
    """
    server = run.server()
    name, changes = _read(server, words)
    app = application_name(run, name)
    jobs_of(server, app)
    attempts = Attempts(run)
    wanted: dict[str, int] = {}
    for type_, change in changes:
        with attempts.attempt(type_):
            job = server.job(type_, app)
            wanted[type_] = number = _scaled(job, change, wait)
            if not run.json:
                run.tell(f"Scaling {type_} processes... done, {_now(job, number)}")
    if any(number > FEW for number in wanted.values()):
        _tell_clashes(run, server, app)
    if run.json:
        run.show({"ok": not attempts.errors, "numprocesses": wanted, "errors": attempts.errors}, ())
    return attempts.status


def _scaled(job: Job, change: str, wait: Wait) -> int:
    return settle(str(job.name), lambda: job.scale(change, wait), starting=job)


def _tell_clashes(run: Invocation, server: Server, app: str) -> None:
    from gaffer_procfile.ports import get_ports

    infos = [server.job(each).info() for each in jobs_of(server, app)]
    tell_clashes(
        run, [get_ports(each.job, each.config.get("env", {}), each.numprocesses) for each in infos]
    )


def _now(job: Job, number: int) -> str:
    stopped = job.status().stopped
    return f"{number} when it is started" if stopped else f"now running {number}"


def _read(server: Server, words: tuple[str, ...]) -> tuple[str | None, list[Change]]:
    """The name of the application, if there is one, and the changes."""
    first, *rest = words
    if change_of(first) is None:
        name = first
    elif rest and first in server.sessions():
        # `app-1 web=3`: an application whose name looks like a change.
        name = first
    else:
        return None, [_checked(word) for word in words]
    if not rest:
        raise click.UsageError(f"nothing to change: {first!r} is no TYPE=N, TYPE+N or TYPE-N")
    return name, [_checked(word) for word in rest]


def _checked(word: str) -> Change:
    change = change_of(word)
    if change is None:
        raise click.UsageError(f"{word!r} is no TYPE=N, TYPE+N or TYPE-N")
    return change
