"""Names of jobs on the command line: several, all jobs of a session, all jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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


def find_jobs(run: Invocation, server: Server, names: Sequence[str]) -> list[str]:
    """Return the names of the jobs that words of the command line stand for, each once.

    Args:
        run: the invocation. For gaffer, a name can also be a type of the application of this
            folder.
        server: the client of gafferd.
        names: `name` or `session.name`; `session` or `session.*` for all jobs of a session, `all`
            for all jobs.

    Raises:
        NotLoadedError: no job has the name, or the session has no jobs.
    """
    known = server.jobs()
    app = get_own_application(run)
    return list(dict.fromkeys(job for name in names for job in _find(known, name, app)))


def get_own_application(run: Invocation) -> str | None:
    """Return the name of the application of this folder, whose types gaffer takes as jobs.

    Returns:
        None for gafferctl, which knows no application.
    """
    if not is_gaffer():
        return None
    from gaffer_cli.app.application import get_application_name

    return get_application_name(run)


def get_type_name(app: str | None, name: str) -> str | None:
    """Return the name of the job that is a type of an application; None if it cannot be one.

    Args:
        app: the application, as `get_own_application` returns it.
        name: a word of the command line.
    """
    return None if app is None or has_session(name) else f"{app}.{name}"


def get_default_names(run: Invocation) -> tuple[str, ...]:
    """Return the words that a verb uses when it gets none.

    For gaffer, they stand for the application of this folder; for gafferctl, there are none.
    """
    app = get_own_application(run)
    return () if app is None else (f"{app}.*",)


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


def _find(known: list[str], name: str, app: str | None) -> list[str]:
    if name == "." and app is not None:
        name = f"{app}.*"
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
    if (type_ := get_type_name(app, name)) in known:
        return [str(type_)]
    raise NotLoadedError(f"no job {name!r}{did_you_mean(name, known)}")


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
        suggestion = did_you_mean(found["name"], server.jobs())
    except ClientError:
        return None
    return CommandError(f"{error}{suggestion}") if suggestion else None


@contextmanager
def suggest_similar(server: Server) -> Iterator[None]:
    """Add similar names to the error of a block about an unknown job.

    Raises:
        CommandError: the job is unknown, and there is a similar name.
    """
    try:
        yield
    except NotFoundError as error:
        raise suggest_job(server, error) or error from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error for an unknown job: names that the user may have meant, or ""."""
    jobs = list(known)
    last = name.rpartition(".")[2]
    close = [job for job in jobs if JobName.parse(job).name == last]
    close = close or get_close_matches(name, jobs, n=1)
    close = close or _get_close_types(last, jobs)
    if not close:
        return ""
    return f": did you mean {' or '.join(close[:_MAX_SUGGESTED])}?"


def _get_close_types(name: str, jobs: list[str]) -> list[str]:
    """Return the jobs of any session whose own name is similar."""
    close = get_close_matches(name, {JobName.parse(job).name for job in jobs}, n=1)
    return [job for job in jobs if JobName.parse(job).name in close]
