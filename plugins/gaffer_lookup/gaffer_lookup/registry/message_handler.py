"""A message of a node: read, done and answered."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from gaffer_kernel.plugin import shown

from gaffer_lookup.protocol import (
    Identify,
    Ping,
    RegisterJob,
    RegisterJobs,
    RegisterProcess,
    Said,
    UnregisterJob,
    UnregisterProcess,
)
from gaffer_lookup.registry.errors import Refusal, bad_message
from gaffer_lookup.registry.node_session import Registrant

_encode = msgspec.json.Encoder().encode


def answer(registrant: Registrant, raw: str | bytes) -> str:
    """Do what a message asks for; the answer to it."""
    msgid: object = None
    try:
        value = _parsed(raw)
        msgid = value.get("msgid")
        _obey(registrant, _read(value))
    except Refusal as error:
        # A msgid that is none would not be recognised either.
        known = msgid if type(msgid) in (str, int) else None
        said = {"errno": error.errno, "reason": error.reason, "message": str(error)}
        return _encode({**said, "msgid": known}).decode()
    return _encode({"ok": True, "msgid": msgid}).decode()


def _parsed(raw: str | bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise bad_message(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise bad_message(f"a message is an object, not {shown(value)}")
    return value


def _read(value: dict[str, Any]) -> Said:
    try:
        return cast(Said, msgspec.convert(value, Said))
    except msgspec.ValidationError as error:
        raise bad_message(str(error)) from None


def _obey(registrant: Registrant, said: Said) -> None:
    match said:
        case Identify():
            registrant.identify(said.name, said.origin, said.version)
        case Ping():
            registrant.ping()
        case RegisterJob():
            registrant.register_job(said.job_name)
        case RegisterJobs():
            registrant.register_jobs(said.jobs)
        case UnregisterJob():
            registrant.unregister_job(said.job_name)
        case RegisterProcess():
            registrant.register_process(said.job_name, said.pid)
        case UnregisterProcess():
            registrant.unregister_process(said.job_name, said.pid)
