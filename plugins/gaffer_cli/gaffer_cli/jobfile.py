"""Jobs as JSON: a file of them, or standard input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from gaffer_client import ArgumentError, Job, Server
from gaffer_client.names import JobName

from gaffer_cli.exit_codes import Failure
from gaffer_cli.waiting import Wait

STDIN = "-"
"""Standard input, as the name of a file."""

Fields = dict[str, Any]
"""The fields of a job, as gafferd takes them."""

_OURS = ("self", "session", "wait")
"""Arguments of the client that are no fields."""


def read_jobs(file: str, *, session: str | None = None) -> list[Fields]:
    """Read one job, or those of `{"jobs": [...]}`.

    Args:
        file: its path; STDIN for standard input.
        session: of the jobs whose name has none.

    Returns:
        Their fields; the name with the session.

    Raises:
        OSError: it cannot be read.
        Failure: it holds no jobs.
    """
    name = "standard input" if file == STDIN else file
    return [_checked(name, fields, session) for fields in _listed(name, _parsed(name, file))]


def load_job(server: Server, fields: Fields, wait: Wait) -> Job:
    """Have gafferd load a job.

    Raises:
        ConflictError: it has one of that name.
        ClientError: it cannot be loaded, for another reason.
    """
    for ours in _OURS:
        if ours in fields:
            raise Failure(f"{fields['name']}: {ours}: is not a field of a job")
    return server.add_process(**fields, wait=wait)


def _parsed(name: str, file: str) -> Any:
    try:
        with click.open_file(file, encoding="utf-8-sig") as stream:
            return json.load(stream)
    except UnicodeDecodeError as error:
        raise Failure(f"{name} is not JSON: byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise Failure(f"{name} is nested too deeply") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg} at column {error.colno}".lower()
        raise Failure(f"{name}:{error.lineno}: this is not JSON: {what}") from None


def _listed(name: str, value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise Failure(f'{name} must hold a job, or {{"jobs": [...]}}')
    if "jobs" not in value:
        yield value
    elif isinstance(value["jobs"], list) and len(value) == 1:
        yield from value["jobs"]
    else:
        raise Failure(f"{name}: beside a list of jobs, named jobs, there can be nothing")


def _checked(file: str, fields: Any, session: str | None) -> Fields:
    if not isinstance(fields, dict):
        raise Failure(f"{file}: a job is an object with a name and a cmd")
    for field in ("name", "cmd"):
        if not isinstance(fields.get(field), str):
            raise Failure(f"{file}: a job has no {field}, or one that is no text")
    try:
        named = JobName.parse(fields["name"], session if _is_bare(fields["name"]) else None)
    except ArgumentError as error:
        # The command line is as it should be, it is the file that is wrong.
        raise Failure(f"{file}: {error}") from None
    return {**fields, "name": str(named)}


def _is_bare(name: str) -> bool:
    return not any(separator in name for separator in "./:")
