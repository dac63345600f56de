"""Job configurations as clients read and write them; secrets are masked for some."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from gaffer_kernel import InvalidField, JobConfig
from quart import has_request_context

from gaffer_http.auth import audit
from gaffer_http.auth.authorization import current_caller
from gaffer_http.errors import ApiError
from gaffer_http.views.body import read_object
from gaffer_http.views.current import current_context

SHELL = "/bin/sh"
"""What every shell job runs: no secret."""
MASK = "***"
"""In place of what only those are shown who may manage the job: they could find it out anyway."""

_RESERVED = "x_"
"""Beginning of the fields that clients may use for notes of their own; they are not kept."""


def mask_for_caller(info: Mapping[str, Any], session: str) -> dict[str, Any]:
    """A description of a job or process, as the caller of the current request may see it.

    Variables and arguments often hold secrets: a caller who may not manage the session sees the
    names of the former and the program as it was configured; of a shell job's command nothing,
    because variables may be set in it.
    """
    return dict(info) if current_caller().may("manage", session) else _masked(info)


def _masked(info: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(info)
    if "config" in shown:
        shown["config"] = _masked(shown["config"])
    if "env" in shown:
        shown["env"] = dict.fromkeys(shown["env"], MASK)
    if "cmd" in shown:
        shown["cmd"], program = _masked_command(shown["cmd"], shell=shown["shell"])
        if shown.get("argv"):
            # Its own first word is what variables have made of the configured one.
            shown["argv"] = [program, MASK] if len(shown["argv"]) > 1 else [program]
    if shown.get("args"):
        shown["args"] = [MASK]
    return shown


def _masked_command(cmd: str, *, shell: bool) -> tuple[str, str]:
    """A command line without its arguments, and its program."""
    if shell:
        return MASK, SHELL
    program = shlex.split(cmd)[0]
    if "=" in program:  # NAME=secret program, which was to be a job with a shell
        return MASK, MASK
    first, *more = cmd.split(maxsplit=1)
    return f"{first} {MASK}" if more else first, program


def check_not_masked(env: object, cmd: object = None) -> None:
    """Refuse variables and a command that were read here before: their values would be lost.

    Raises:
        InvalidField: naming the variable, or `cmd`.
    """
    if cmd == MASK:
        raise InvalidField("cmd", f"is {MASK}, a masked command: give the real one")
    for name, value in env.items() if isinstance(env, Mapping) else ():
        if value == MASK:
            raise InvalidField(f"env.{name}", f"is {MASK}, a masked value: give the real one")


async def read_fields() -> dict[str, Any]:
    """The fields of a job configuration in the body of the current request, as they were given.

    Raises:
        ApiError: 400, `invalid_json`.
    """
    return config_fields(await read_object())


def config_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields given that belong to the configuration."""
    return {key: value for key, value in given.items() if not key.startswith(_RESERVED)}


def config_from_fields(fields: dict[str, Any]) -> JobConfig:
    """The configuration that fields make. Its program is named in the audit log.

    Raises:
        ApiError: 400, `invalid_process_info`, for a wrong field.
    """
    try:
        if has_request_context():
            audit.note_program(current_context().mapping, fields)
        check_not_masked(fields.get("env"), fields.get("cmd"))
        return JobConfig.from_dict(fields)
    except InvalidField as error:
        raise invalid_config_error(error) from None


def invalid_config_error(error: InvalidField) -> ApiError:
    """What a client is told of a wrong field of a configuration."""
    return ApiError(400, "invalid_process_info", str(error))


async def read_config(name: str | None = None) -> tuple[JobConfig, dict[str, Any]]:
    """The job configuration in the body of the current request, and the fields as they were given.

    Args:
        name: of the job, when the path says it; the body may then leave it out.

    Raises:
        ApiError: 400, `invalid_process_info` for a wrong field.
    """
    fields = await read_fields()
    if name is not None and fields.setdefault("name", name) != name:
        raise invalid_config_error(InvalidField("name", f"is {name!r} here, it cannot be changed"))
    return config_from_fields(fields), fields
