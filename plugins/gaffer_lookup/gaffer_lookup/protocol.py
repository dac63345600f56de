"""The messages that a node sends to a lookupd, and the replies. All of it is JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Pid = Annotated[int, Meta(gt=0, lt=10**18)]
"""gaffer's own number of a process, not the system's."""

_Id = Annotated[str, Meta(max_length=256)] | int

_encode = msgspec.json.Encoder().encode


class _Message(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    msgid: _Id


class Identify(_Message, tag="IDENTIFY", kw_only=True):
    """Name the node; the first message on a connection."""

    name: str
    origin: str
    version: str


class Ping(_Message, tag="PING", kw_only=True):
    """Renew the lease."""


class RegisterJob(_Message, tag="REGISTER_JOB", kw_only=True):
    """Add a job to the node."""

    job_name: str


class RegisterJobs(_Message, tag="REGISTER_JOBS", kw_only=True):
    """Add many jobs and their processes to the node: all of them or none."""

    jobs: dict[str, list[Pid]]


class UnregisterJob(_Message, tag="UNREGISTER_JOB", kw_only=True):
    """Remove a job from the node."""

    job_name: str


class RegisterProcess(_Message, tag="REGISTER_PROCESS", kw_only=True):
    """Add a process to a job."""

    job_name: str
    pid: Pid


class UnregisterProcess(_Message, tag="UNREGISTER_PROCESS", kw_only=True):
    """Remove a process from a job."""

    job_name: str
    pid: Pid


Message = (
    Identify
    | Ping
    | RegisterJob
    | RegisterJobs
    | UnregisterJob
    | RegisterProcess
    | UnregisterProcess
)


class Reply(Struct, kw_only=True):
    """The reply to a message: `ok`, or an error.

    Attributes:
        msgid: of the message; None if the message had no valid one.
        errno: of the error, an HTTP status.
        reason: one word for programs.
        message: one sentence for people.
    """

    ok: bool = False
    msgid: str | int | None = None
    errno: int | None = None
    reason: str | None = None
    message: str | None = None


def encode_message(message: Message) -> str:
    """Encode a message as JSON."""
    return _encode(message).decode()
