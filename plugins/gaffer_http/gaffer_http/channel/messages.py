"""The messages of the channel: those of clients, and those to them. All of them are JSON."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import shown

from gaffer_http.channel.fields import MissingFieldError, convert
from gaffer_http.errors import ApiError
from gaffer_http.views.body import check_known, parse

_encode = msgspec.json.Encoder(enc_hook=str).encode
"""Plugins may put values into an event that JSON cannot represent: they are sent as text."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Id = Annotated[str, msgspec.Meta(max_length=256)] | int


class Subscribe(msgspec.Struct):
    """SUB: send messages about a topic.

    Attributes:
        topic: which.
        since: the number of the last event already seen.
        credit: how many bytes of messages the client is ready to take; None for any number.
    """

    topic: str
    since: _Number | None = None
    credit: _Number | None = None


class Unsubscribe(msgspec.Struct):
    """UNSUB: stop sending messages about a topic."""

    topic: str


class Credit(msgspec.Struct):
    """CREDIT: the client is ready to take so many more bytes about a topic."""

    topic: str
    bytes: _Number


class Call(msgspec.Struct):
    """CMD: execute a command, and answer with the identity."""

    identity: _Id
    name: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}


class Nop(msgspec.Struct):
    """NOP: do nothing. It keeps a connection busy that a proxy would otherwise close."""


_KINDS: dict[str, type[ClientMessage]] = {
    "SUB": Subscribe,
    "UNSUB": Unsubscribe,
    "CREDIT": Credit,
    "CMD": Call,
    "NOP": Nop,
}
ClientMessage = Subscribe | Unsubscribe | Credit | Call | Nop


class InvalidMessageError(Exception):
    """A message of a client cannot be understood.

    Args:
        slug: one word for programs.
        reason: one sentence for people.
    """

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(reason)
        self.slug = slug


def read(raw: str | bytes) -> ClientMessage:
    """Parse a message of a client.

    Raises:
        InvalidMessageError: it is invalid.
    """
    try:
        value = parse(raw.encode() if isinstance(raw, str) else raw)
    except ApiError as error:
        raise InvalidMessageError(error.slug, error.reason) from None
    if not isinstance(value, dict):
        raise InvalidMessageError("invalid_json", f"a message is an object, not {shown(value)}")
    if "event" not in value:
        raise InvalidMessageError("event_missing", "event: is missing")
    event = value["event"]
    kind = _KINDS.get(event) if isinstance(event, str) else None
    if kind is None:
        raise InvalidMessageError("unknown_cmd", f"event: is one of {', '.join(_KINDS)}")
    data = value.get("data", {} if kind is Nop else None)
    if not isinstance(data, dict):
        raise InvalidMessageError("data_missing", f"data: {event} needs an object")
    try:
        check_known(value, ("event", "data"))
        return convert(data, kind)
    except MissingFieldError as error:
        prefix = "cmd_" if kind is Call else ""
        raise InvalidMessageError(f"{prefix}{error.field}_missing", str(error)) from None
    except InvalidField as error:
        raise InvalidMessageError("bad_value", str(error)) from None


def message_failed(error: InvalidMessageError) -> str:
    """Return the message that reports an invalid message."""
    return _message("error", data=_reason("invalid_msg", error.slug, str(error)))


def subscribed(topic: str) -> str:
    """Return the answer to SUB and to UNSUB."""
    return _message("subscription_success", topic=topic)


def not_subscribed(topic: str, error: ApiError) -> str:
    """Return the answer to a refused SUB, UNSUB or CREDIT."""
    return _message("subscription_error", topic=topic, data=_error(error))


def event_message(event: str, topic: str, **payload: Any) -> str:
    """Return a message about a topic."""
    return _message("event", data={"event": event, "topic": topic, **payload})


def encoded_event_message(topic: str, payload: bytes) -> str:
    """Return a message about a topic, with an event that is encoded as a JSON object already."""
    head = b'{"event":"gaffer:event","data":{"topic":%s,' % _encode(topic)
    return (head + payload.strip()[1:] + b"}").decode()


def command_succeeded(identity: str | int, result: Any) -> str:
    """Return the answer to CMD."""
    return _message("command_success", data={"id": identity, "result": result})


def command_failed(identity: str | int, error: ApiError) -> str:
    """Return the answer to CMD when it was refused, or failed."""
    return _message("command_error", data={"id": identity, "error": _error(error)})


def _error(error: ApiError) -> dict[str, Any]:
    return {"errno": error.status, "reason": error.slug, "message": error.reason}


def _reason(error: str, reason: str, message: str) -> dict[str, str]:
    return {"error": error, "reason": reason, "message": message}


def _message(kind: str, **fields: Any) -> str:
    return _encode({"event": f"gaffer:{kind}", **fields}).decode()
