"""What each command takes: by its place in `args`, or by its name in `kwargs`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from gaffer_http.channel.fields import MissingFieldError, convert
from gaffer_http.channel.messages import Call
from gaffer_http.errors import ApiError

BY_NAME = "sessionid"
"""The argument that has no place beside others: it says which session a name is of."""


class Nothing(msgspec.Struct, kw_only=True):
    """Of no job and no process, or of all."""


class SessionArguments(Nothing, kw_only=True):
    """Of a session, or of all."""

    sessionid: str | None = None


class AnyJobArguments(Nothing, kw_only=True):
    """Of a job, or of all."""

    name: str | None = None
    sessionid: str | None = None


class ConfigArguments(msgspec.Struct, kw_only=True):
    """Of a job that a configuration describes, with variables to add to it."""

    config: dict[str, Any]
    sessionid: str | None = None
    env: dict[str, str] = {}
    start: bool | None = None


class JobArguments(msgspec.Struct, kw_only=True):
    """Of a job."""

    name: str
    sessionid: str | None = None


class Scale(JobArguments, kw_only=True):
    """How many processes: a number to add, or `+n`, `-n`, `=n`."""

    n: int | str


class Commit(JobArguments, kw_only=True):
    """What the one-off has for itself."""

    graceful_timeout: float | None = None
    env: dict[str, str] | None = None


class KillAll(JobArguments, kw_only=True):
    """Which signal."""

    sig: int | str


class ProcessArguments(msgspec.Struct, kw_only=True):
    """Of a process."""

    pid: int


class Kill(ProcessArguments, kw_only=True):
    """Which signal."""

    sig: int | str


class Send(ProcessArguments, kw_only=True):
    """What to write, and where to."""

    data: str | list[str]
    stream: str = "stdin"


Arguments = Nothing | ConfigArguments | JobArguments | ProcessArguments

T = TypeVar("T", bound=msgspec.Struct)


def bind(call: Call, kind: type[T]) -> T:
    """The arguments of a command.

    Raises:
        ApiError: 400, one is missing, there are too many, or one is given twice.
        InvalidField: one is unknown, or of another type.
    """
    fields = kind.__struct_fields__
    places = [name for name in fields if name != BY_NAME] or fields
    if len(call.args) > len(places):
        reason = f"{call.name} takes {', '.join(places) or 'no arguments'}, not {len(call.args)}"
        raise _bad(f"{reason} arguments" if places else reason)
    given = dict(zip(places, call.args, strict=False))
    for name in call.kwargs:
        if name in given:
            raise _bad(f"{name}: is given twice, in args and in kwargs")
    try:
        return convert({**given, **call.kwargs}, kind)
    except MissingFieldError as error:
        slug = "config_missing" if error.field == "config" else "bad_command"
        raise ApiError(400, slug, f"{call.name}: {error}") from None


def _bad(reason: str) -> ApiError:
    return ApiError(400, "bad_command", reason)
