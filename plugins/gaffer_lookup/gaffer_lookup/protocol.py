"""What a node says, and what it is answered. All of it is JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Pid = Annotated[int, Meta(gt=0, lt=10**18)]
"""Of a process, as gafferd counts them."""

_Id = Annotated[str, Meta(max_length=256)] | int

_encode = msgspec.json.Encoder().encode


class _Said(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    msgid: _Id


class Identify(_Said, tag="IDENTIFY", kw_only=True):
    """Which node it is; the first word on a connection."""

    name: str
    origin: str
    version: str


class Ping(_Said, tag="PING", kw_only=True):
    """A sign of life."""


class RegisterJob(_Said, tag="REGISTER_JOB", kw_only=True):
    """The node has this job."""

    job_name: str


class RegisterJobs(_Said, tag="REGISTER_JOBS", kw_only=True):
    """The node has these jobs, with these processes: many words in one, all of it or nothing."""

    jobs: dict[str, list[Pid]]


class UnregisterJob(_Said, tag="UNREGISTER_JOB", kw_only=True):
    """The node has it no longer."""

    job_name: str


class RegisterProcess(_Said, tag="REGISTER_PROCESS", kw_only=True):
    """The job has this process."""

    job_name: str
    pid: Pid


class UnregisterProcess(_Said, tag="UNREGISTER_PROCESS", kw_only=True):
    """The job has it no longer."""

    job_name: str
    pid: Pid


Said = (
    Identify
    | Ping
    | RegisterJob
    | RegisterJobs
    | UnregisterJob
    | RegisterProcess
    | UnregisterProcess
)


class Answer(Struct, kw_only=True):
    """What a node is told: `ok`, or an error.

    Attributes:
        msgid: of the message that is answered; None if nobody can tell which.
        errno: of the error, as the status of HTTP.
        reason: one word for programs.
        message: one sentence for people.
    """

    ok: bool = False
    msgid: str | int | None = None
    errno: int | None = None
    reason: str | None = None
    message: str | None = None


def say(said: Said) -> str:
    """A message."""
    return _encode(said).decode()
