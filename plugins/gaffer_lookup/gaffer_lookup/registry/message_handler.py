"""The handler of one message of a node: decode, execute, reply."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from gaffer_kernel.plugin import shown

from gaffer_lookup.protocol import (
    Identify,
    Message,
    Ping,
    RegisterJob,
    RegisterJobs,
    RegisterProcess,
    UnregisterJob,
    UnregisterProcess,
)
from gaffer_lookup.registry.errors import RegistryError, bad_message
from gaffer_lookup.registry.node_session import NodeSession

_encode = msgspec.json.Encoder().encode


def handle_message(node_session: NodeSession, raw: str | bytes) -> str:
    """Execute a message and return the reply."""
    msgid: object = None
    try:
        value = _decode(raw)
        msgid = value.get("msgid")
        _execute(node_session, _convert(value))
    except RegistryError as error:
        # The node could not match an invalid msgid either.
        valid = msgid if type(msgid) in (str, int) else None
        fields = {"errno": error.errno, "reason": error.reason, "message": str(error)}
        return _encode({**fields, "msgid": valid}).decode()
    return _encode({"ok": True, "msgid": msgid}).decode()


def _decode(raw: str | bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise bad_message(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise bad_message(f"a message is an object, not {shown(value)}")
    return value


def _convert(value: dict[str, Any]) -> Message:
    try:
        return cast(Message, msgspec.convert(value, Message))
    except msgspec.ValidationError as error:
        raise bad_message(str(error)) from None


def _execute(node_session: NodeSession, message: Message) -> None:
    match message:
        case Identify():
            node_session.identify(message.name, message.origin, message.version)
        case Ping():
            node_session.ping()
        case RegisterJob():
            node_session.register_job(message.job_name)
        case RegisterJobs():
            node_session.register_jobs(message.jobs)
        case UnregisterJob():
            node_session.unregister_job(message.job_name)
        case RegisterProcess():
            node_session.register_process(message.job_name, message.pid)
        case UnregisterProcess():
            node_session.unregister_process(message.job_name, message.pid)
