"""Names of jobs on the command line: several, all jobs of a session, all jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import click
from gaffer_client import ClientError, NotFoundError, Server
from gaffer_client.names import JobName, has_session

from gaffer_cli.exit_codes import CommandError, NotLoadedError
from gaffer_cli.invocation import Invocation

ALL = "all"
"""The name that stands for all jobs."""
_OF_SESSION = re.compile(r"(?P<session>[^./:]+)[./:]\*")
_NO_JOB = re.compile(r"no job '(?P<name>[^']+)'")
_MAX_SUGGESTED = 3


def find_jobs(server: Server, names: Sequence[str]) -> list[str]:
    """Return the names of the jobs that words of the command line stand for, each once.

    Args:
        server: the client of gafferd.
        names: `name` or `session.name`; `session` or `session.*` for all jobs of a session, `all`
            for all jobs.

    Raises:
        NotLoadedError: no job has the name, or the session has no jobs.
    """
    known = server.jobs()
    return list(dict.fromkeys(job for name in names for job in _find(known, name)))


def get_default_names(run: Invocation) -> tuple[str, ...]:
    """Return the words that a verb uses when it gets none.

    For gaffer, they stand for the application of this folder; for gafferctl, there are none.
    """
    if not is_gaffer():
        return ()
    from gaffer_cli.app.application import get_application_name

    return (f"{get_application_name(run)}.*",)


def is_gaffer() -> bool:
    """Return whether the command is gaffer, not gafferctl."""
    return click.get_current_context().find_root().command.name == "gaffer"


def require_names(run: Invocation, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that a verb got, or its default.

    Raises:
        click.UsageError: there is neither.
    """
    if found := names or get_default_names(run):
        return found
    raise click.UsageError("missing argument 'NAME'; all stands for all jobs")


def _find(known: list[str], name: str) -> list[str]:
    if name == ALL and ALL not in known:
        return known
    if found := _OF_SESSION.fullmatch(name):
        jobs = _get_session_jobs(known, found["session"])
        if not jobs:
            raise NotLoadedError(f"the session {found['session']!r} has no jobs")
        return jobs
    job = str(JobName.parse(name))
    if job in known:
        return [job]
    if not has_session(name) and (jobs := _get_session_jobs(known, name)):
        return jobs
    raise NotLoadedError(f"no job {name!r}{_did_you_mean(name, known)}")


def _get_session_jobs(known: list[str], session: str) -> list[str]:
    return [job for job in known if JobName.parse(job).session == session]


def suggest_job(server: Server, error: NotFoundError) -> CommandError | None:
    """Return the error for an unknown job, with names that the user may have meant.

    Returns:
        None if it is not about a job, or no name is similar.
    """
    found = _NO_JOB.fullmatch(str(error))
    if found is None:
        return None
    try:
        suggestion = _did_you_mean(found["name"], server.jobs())
    except ClientError:
        return None
    return CommandError(f"{error}{suggestion}") if suggestion else None


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    jobs = list(known)
    last = name.rpartition(".")[2]
    close = [job for job in jobs if JobName.parse(job).name == last]
    close = close or get_close_matches(name, jobs, n=1)
    if not close:
        return ""
    return f": did you mean {' or '.join(close[:_MAX_SUGGESTED])}?"
