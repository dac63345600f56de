"""What is said on a channel and what is heard, apart from any connection. All of it is JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gaffer_client.errors import ArgumentError, NotGafferError, ResponseError, make_response_error

LARGEST = 64 * 1024
"""Bytes of a message to gafferd."""

_PREFIX = "gaffer:"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A topic is subscribed, or is not any more."""

    topic: str


@dataclass(frozen=True, slots=True)
class NotSubscribed:
    """A topic cannot be subscribed, or has failed."""

    topic: str
    error: ResponseError


@dataclass(frozen=True, slots=True)
class Happened:
    """Something is told on a topic; `size` is what it takes from its credit."""

    topic: str
    event: str
    data: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A command was carried out."""

    identity: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A command was refused."""

    identity: int
    error: ResponseError


Heard = Subscribed | NotSubscribed | Happened | Answered | Failed


def subscribe(topic: str, since: int | None, credit: int) -> str:
    """Tell what happens on a topic."""
    data = {"topic": topic, "credit": credit}
    return _said("SUB", data if since is None else {**data, "since": since})


def unsubscribe(topic: str) -> str:
    """Tell no more of it."""
    return _said("UNSUB", {"topic": topic})


def grant(topic: str, size: int) -> str:
    """Tell so many bytes more of it."""
    return _said("CREDIT", {"topic": topic, "bytes": size})


def command(identity: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Do something."""
    return _said("CMD", {"identity": identity, "name": name, "args": args, "kwargs": kwargs})


def _said(event: str, data: dict[str, Any]) -> str:
    said = {"event": event, "data": data}
    try:
        text = json.dumps(said, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"this cannot be sent as JSON: {error}") from None
    if size > LARGEST:
        raise ArgumentError(f"a message has {LARGEST} bytes at the most, not {size}")
    return text


def hear(address: str, text: str) -> Heard:
    """What a message says.

    Raises:
        NotGafferError: it says nothing that gaffer would.
    """
    try:
        said = json.loads(text)
        kind = said["event"].removeprefix(_PREFIX)
        return _heard(kind, said, len(text.encode()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotGafferError(address, f"a message {text[:60]!r}") from None


def _heard(kind: str, said: dict[str, Any], size: int) -> Heard:
    match kind:
        case "event":
            data = said["data"]
            return Happened(data["topic"], data["event"], data, size)
        case "subscription_success":
            return Subscribed(said["topic"])
        case "subscription_error":
            return NotSubscribed(said["topic"], _error(said["data"]))
        case "command_success":
            return Answered(said["data"]["id"], said["data"]["result"])
        case "command_error":
            return Failed(said["data"]["id"], _error(said["data"]["error"]))
    raise ValueError(kind)


def _error(data: dict[str, Any]) -> ResponseError:
    return make_response_error(int(data["errno"]), str(data["reason"]), str(data["message"]))
