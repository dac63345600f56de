"""Job configurations as clients read and write them; secrets are masked for some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from gaffer_kernel import InvalidField, JobConfig
from quart import has_request_context, request

from gaffer_http.access import audit
from gaffer_http.access.rules import caller
from gaffer_http.asgi import Scope
from gaffer_http.errors import ApiError
from gaffer_http.routes.body import read_object

MASK = "***"
"""In place of what only those are shown who may manage the job: they could find it out anyway."""

_RESERVED = "x_"
"""Beginning of the fields that clients may use for notes of their own; they are not kept."""


def shown_to_caller(info: Mapping[str, Any], session: str) -> dict[str, Any]:
    """A description of a job or process, as the caller of the current request may see it.

    Variables and arguments often hold secrets: who may not manage the session sees the names of the
    former and the program.
    """
    return dict(info) if caller().may("manage", session) else _masked(info)


def _masked(info: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(info)
    if "config" in shown:
        shown["config"] = _masked(shown["config"])
    if "env" in shown:
        shown["env"] = dict.fromkeys(shown["env"], MASK)
    if "cmd" in shown:
        program, *more = shown["cmd"].split(maxsplit=1)
        shown["cmd"] = f"{program} {MASK}" if more else program
    for key, kept in (("args", 0), ("argv", 1)):
        if len(shown.get(key) or ()) > kept:
            shown[key] = [*shown[key][:kept], MASK]
    return shown


def refuse_mask(env: object) -> None:
    """Refuse variables that were read here before: their values would be lost.

    Raises:
        InvalidField: naming the variable.
    """
    for name, value in env.items() if isinstance(env, Mapping) else ():
        if value == MASK:
            raise InvalidField(f"env.{name}", f"is {MASK}, a masked value: give the real one")


async def read_fields() -> dict[str, Any]:
    """The fields of a job configuration in the body of the current request, as they were given.

    Raises:
        ApiError: 400, `invalid_json`.
    """
    return kept_fields(await read_object())


def kept_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields given that belong to the configuration."""
    return {key: value for key, value in given.items() if not key.startswith(_RESERVED)}


def config_of(fields: dict[str, Any]) -> JobConfig:
    """The configuration that fields make. Its program is named in the audit log.

    Raises:
        ApiError: 400, `invalid_process_info`, for a wrong field.
    """
    try:
        if has_request_context():
            audit.note_program(cast(Scope, request.scope), fields)
        refuse_mask(fields.get("env"))
        return JobConfig.from_dict(fields)
    except InvalidField as error:
        raise invalid_template(error) from None


def invalid_template(error: InvalidField) -> ApiError:
    """What a client is told of a wrong field of a configuration."""
    return ApiError(400, "invalid_process_info", str(error))


async def read_template(name: str | None = None) -> tuple[JobConfig, dict[str, Any]]:
    """The job configuration in the body of the current request, and the fields as they were given.

    Args:
        name: of the job, when the path says it; the body may then leave it out.

    Raises:
        ApiError: 400, `invalid_process_info` for a wrong field.
    """
    fields = await read_fields()
    if name is not None and fields.setdefault("name", name) != name:
        raise invalid_template(InvalidField("name", f"is {name!r} here, it cannot be changed"))
    return config_of(fields), fields
