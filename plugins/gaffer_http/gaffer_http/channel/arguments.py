"""The arguments of each command: by position in `args`, or by name in `kwargs`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from gaffer_http.channel.fields import MissingFieldError, convert
from gaffer_http.channel.messages import Call
from gaffer_http.errors import ApiError

BY_NAME = "sessionid"
"""The argument that has no position if there are others: the session that a name belongs to."""


class NoArguments(msgspec.Struct, kw_only=True):
    """No job and no process, or all."""


class SessionArguments(NoArguments, kw_only=True):
    """A session, or all."""

    sessionid: str | None = None


class AnyJobArguments(NoArguments, kw_only=True):
    """A job, or all."""

    name: str | None = None
    sessionid: str | None = None


class ConfigArguments(msgspec.Struct, kw_only=True):
    """A job configuration, with variables to add to it."""

    config: dict[str, Any]
    sessionid: str | None = None
    env: dict[str, str] = {}
    start: bool | None = None


class JobArguments(msgspec.Struct, kw_only=True):
    """A job."""

    name: str
    sessionid: str | None = None


class ScaleArguments(JobArguments, kw_only=True):
    """A number of processes to add, or `+n`, `-n`, `=n`."""

    n: int | str


class CommitArguments(JobArguments, kw_only=True):
    """The settings of the one-off."""

    graceful_timeout: float | str | None = None
    env: dict[str, str] | None = None


class KillAllArguments(JobArguments, kw_only=True):
    """A job and a signal."""

    sig: int | str


class ProcessArguments(msgspec.Struct, kw_only=True):
    """A process."""

    pid: int


class KillArguments(ProcessArguments, kw_only=True):
    """A process and a signal."""

    sig: int | str


class SendArguments(ProcessArguments, kw_only=True):
    """The input to write, and the stream."""

    data: str | list[str]
    stream: str = "stdin"


Arguments = NoArguments | ConfigArguments | JobArguments | ProcessArguments

T = TypeVar("T", bound=msgspec.Struct)


def bind(call: Call, kind: type[T]) -> T:
    """Return the arguments of a command.

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
