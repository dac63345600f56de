"""The wire format of a channel, independent of any connection: JSON messages in both directions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gaffer_client.errors import (
    ArgumentError,
    NotGafferError,
    ResponseError,
    make_response_error,
)

MAX_MESSAGE = 64 * 1024
"""Maximum bytes of a message to gafferd."""

_PREFIX = "gaffer:"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A topic was subscribed or unsubscribed."""

    topic: str


@dataclass(frozen=True, slots=True)
class SubscriptionFailed:
    """A topic could not be subscribed, or failed later."""

    topic: str
    error: ResponseError


@dataclass(frozen=True, slots=True)
class TopicEvent:
    """A value of a topic; `size` is subtracted from the credit of the topic."""

    topic: str
    event: str
    data: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class CommandSucceeded:
    """A command was carried out."""

    identity: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """A command was refused."""

    identity: int
    error: ResponseError


Message = Subscribed | SubscriptionFailed | TopicEvent | CommandSucceeded | CommandFailed


def subscribe(topic: str, since: int | None, credit: int) -> str:
    """Encode a subscription to a topic."""
    data = {"topic": topic, "credit": credit}
    return _encode("SUB", data if since is None else {**data, "since": since})


def unsubscribe(topic: str) -> str:
    """Encode the end of a subscription."""
    return _encode("UNSUB", {"topic": topic})


def grant(topic: str, size: int) -> str:
    """Encode additional credit, in bytes, for a topic."""
    return _encode("CREDIT", {"topic": topic, "bytes": size})


def command(identity: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Encode a command."""
    return _encode("CMD", {"identity": identity, "name": name, "args": args, "kwargs": kwargs})


def _encode(event: str, data: dict[str, Any]) -> str:
    message = {"event": event, "data": data}
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"cannot be sent as JSON: {error}") from None
    if size > MAX_MESSAGE:
        raise ArgumentError(f"a message may have {MAX_MESSAGE} bytes at most, not {size}")
    return text


def parse(address: str, text: str) -> Message:
    """Parse a message of gafferd.

    Raises:
        NotGafferError: gaffer does not send such a message.
    """
    try:
        message = json.loads(text)
        kind = message["event"].removeprefix(_PREFIX)
        return _parse(kind, message, len(text.encode()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotGafferError(address, f"a message {text[:60]!r}") from None


def _parse(kind: str, message: dict[str, Any], size: int) -> Message:
    match kind:
        case "event":
            data = message["data"]
            return TopicEvent(data["topic"], data["event"], data, size)
        case "subscription_success":
            return Subscribed(message["topic"])
        case "subscription_error":
            return SubscriptionFailed(message["topic"], _parse_error(message["data"]))
        case "command_success":
            return CommandSucceeded(message["data"]["id"], message["data"]["result"])
        case "command_error":
            return CommandFailed(message["data"]["id"], _parse_error(message["data"]["error"]))
    raise ValueError(kind)


def _parse_error(data: dict[str, Any]) -> ResponseError:
    return make_response_error(int(data["errno"]), str(data["reason"]), str(data["message"]))
