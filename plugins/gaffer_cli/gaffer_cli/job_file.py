"""Jobs as JSON, in a file or on standard input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from gaffer_client import ArgumentError, Job, Server
from gaffer_client.names import JobName, has_session

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.waiting import Wait

STDIN = "-"
"""The file name that stands for standard input."""

Fields = dict[str, Any]
"""The fields of a job, as the API takes them."""

_RESERVED = ("self", "session", "wait")
"""Arguments of `Server.add_process` that are not fields of a job."""


def read_jobs(file: str, *, session: str | None = None) -> list[Fields]:
    """Read one job, or those of `{"jobs": [...]}`.

    Args:
        file: the path; STDIN for standard input.
        session: the session of jobs whose name has none.

    Returns:
        The fields of each job; the name includes the session.

    Raises:
        OSError: the file cannot be read.
        CommandError: the file does not hold jobs.
    """
    name = "standard input" if file == STDIN else file
    return [_check(name, fields, session) for fields in _list_jobs(name, _parse(name, file))]


def load_job(server: Server, fields: Fields, wait: Wait) -> Job:
    """Load a job into gafferd.

    Raises:
        ConflictError: gafferd has a job of that name.
        ClientError: gafferd refuses it for another reason.
    """
    for reserved in _RESERVED:
        if reserved in fields:
            raise CommandError(f"{fields['name']}: {reserved}: is not a field of a job")
    return server.add_process(**fields, wait=wait)


def _parse(name: str, file: str) -> Any:
    try:
        with click.open_file(file, encoding="utf-8-sig") as stream:
            return json.load(stream)
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} is not JSON: byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise CommandError(f"{name} is nested too deeply") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg} at column {error.colno}".lower()
        raise CommandError(f"{name}:{error.lineno}: this is not JSON: {what}") from None


def _list_jobs(name: str, value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise CommandError(f'{name} must hold a job, or {{"jobs": [...]}}')
    if "jobs" not in value:
        yield value
    elif isinstance(value["jobs"], list) and len(value) == 1:
        yield from value["jobs"]
    else:
        raise CommandError(f"{name}: `jobs` must be a list, and the only field")


def _check(file: str, fields: Any, session: str | None) -> Fields:
    if not isinstance(fields, dict):
        raise CommandError(f"{file}: a job is an object with a name and a cmd")
    for field in ("name", "cmd"):
        if not isinstance(fields.get(field), str):
            raise CommandError(f"{file}: a job has no {field}, or one that is not a string")
    try:
        named = JobName.parse(fields["name"], None if has_session(fields["name"]) else session)
    except ArgumentError as error:
        # The fault is in the file, not in the command line.
        raise CommandError(f"{file}: {error}") from None
    return {**fields, "name": str(named)}
