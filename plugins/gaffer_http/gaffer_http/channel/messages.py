"""What a client may say on the channel, and what it is told. All of it is JSON."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import shown

from gaffer_http.channel.fields import MissingFieldError, convert
from gaffer_http.errors import ApiError
from gaffer_http.views.body import check_known, parse

_encode = msgspec.json.Encoder(enc_hook=str).encode
"""Plugins may put into an event what JSON has no word for: its text is told."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Id = Annotated[str, msgspec.Meta(max_length=256)] | int


class Subscribe(msgspec.Struct):
    """SUB: tell what happens on a topic.

    Attributes:
        topic: which.
        since: the number of the last event already seen.
        credit: how many bytes of messages the client is ready to take; None for any number.
    """

    topic: str
    since: _Number | None = None
    credit: _Number | None = None


class Unsubscribe(msgspec.Struct):
    """UNSUB: tell no more of a topic."""

    topic: str


class Credit(msgspec.Struct):
    """CREDIT: the client is ready to take so many bytes more on a topic."""

    topic: str
    bytes: _Number


class Call(msgspec.Struct):
    """CMD: do something, and answer under the identity."""

    identity: _Id
    name: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}


class Nop(msgspec.Struct):
    """NOP: nothing. It keeps a connection busy that somebody in between would cut."""


_KINDS: dict[str, type[Said]] = {
    "SUB": Subscribe,
    "UNSUB": Unsubscribe,
    "CREDIT": Credit,
    "CMD": Call,
    "NOP": Nop,
}
Said = Subscribe | Unsubscribe | Credit | Call | Nop


class InvalidMessageError(Exception):
    """Nobody can tell what a client wants.

    Args:
        slug: one word for programs.
        reason: one sentence for people.
    """

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(reason)
        self.slug = slug


def read(raw: str | bytes) -> Said:
    """What a client says.

    Raises:
        InvalidMessage: nothing that could be understood.
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


def invalid(error: InvalidMessageError) -> str:
    """The message that says so."""
    return _message("error", data=_reason("invalid_msg", error.slug, str(error)))


def subscribed(topic: str) -> str:
    """The answer to SUB and to UNSUB."""
    return _message("subscription_success", topic=topic)


def not_subscribed(topic: str, error: ApiError) -> str:
    """The same when it was refused."""
    return _message("subscription_error", topic=topic, data=_error(error))


def event_message(event: str, topic: str, **payload: Any) -> str:
    """What is told on a topic."""
    return _message("event", data={"event": event, "topic": topic, **payload})


def encoded_event_message(topic: str, payload: bytes) -> str:
    """The same, of an event that is an object in JSON already."""
    head = b'{"event":"gaffer:event","data":{"topic":%s,' % _encode(topic)
    return (head + payload.strip()[1:] + b"}").decode()


def command_succeeded(identity: str | int, result: Any) -> str:
    """The answer to CMD."""
    return _message("command_success", data={"id": identity, "result": result})


def failed(identity: str | int, error: ApiError) -> str:
    """The same when it was refused, or failed."""
    return _message("command_error", data={"id": identity, "error": _error(error)})


def _error(error: ApiError) -> dict[str, Any]:
    return {"errno": error.status, "reason": error.slug, "message": error.reason}


def _reason(error: str, reason: str, message: str) -> dict[str, str]:
    return {"error": error, "reason": reason, "message": message}


def _message(kind: str, **fields: Any) -> str:
    return _encode({"event": f"gaffer:{kind}", **fields}).decode()
