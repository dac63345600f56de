"""A change of several jobs at once: start, stop, restart, reload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gaffer_client import Job

from gaffer_cli.app.attempts import Attempts
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import find_jobs
from gaffer_cli.starting import StartWatch, check_started, get_started
from gaffer_cli.waiting import PendingRequest, Wait, wait_settled

_MAX_CONCURRENT = 8
"""Jobs that are changed at the same time."""


def change_jobs(
    run: Invocation,
    names: Sequence[str],
    send: Callable[[Job], object],
    wait: Wait,
    *,
    starts: bool,
) -> int:
    """Change the jobs with these names, and print the result.

    Args:
        run: the invocation.
        names: as for `find_jobs`.
        send: sends the request for a job, and waits until it is done.
        wait: seconds to wait; None for not at all.
        starts: whether processes start, which must then live for a second.

    Returns:
        The exit status.

    Raises:
        CommandError, ClientError: there is no such job, or the change of the only job failed.
    """
    server = run.server()
    jobs = {name: server.job(name) for name in find_jobs(run, server, names)}
    if not starts or wait is None:
        watches: dict[str, StartWatch | None] = dict.fromkeys(jobs)
    else:
        watches = {name: StartWatch(server, job) for name, job in jobs.items()}
    if len(jobs) == 1:
        [(name, job)] = jobs.items()
        wait_settled(name, partial(send, job), starting=watches[name])
        run.show({"ok": True}, check_started(watches) or "ok")
        return 0
    attempts = Attempts(run)
    for batch in _batches(list(jobs)):
        pending = {name: PendingRequest(partial(send, jobs[name])) for name in batch}
        for name, request in pending.items():
            with attempts.attempt(name, prefix=True):
                wait_settled(name, request.join, starting=watches[name])
    lines = []
    first = get_started({name: watches[name] for name in jobs if name not in attempts.errors})
    for name in jobs:
        if name not in attempts.errors:
            with attempts.attempt(name):
                exits = first[name].require_success(name) if name in first else []
                lines += exits or [f"{name}: ok"]
    done = [name for name in jobs if name not in attempts.errors]
    run.show({"ok": not attempts.errors, "jobs": done, "errors": attempts.errors}, lines)
    return attempts.status


def _batches(names: list[str]) -> list[list[str]]:
    return [names[at : at + _MAX_CONCURRENT] for at in range(0, len(names), _MAX_CONCURRENT)]
