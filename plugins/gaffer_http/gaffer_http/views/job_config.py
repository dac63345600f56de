"""Job configurations in requests and responses, with secrets masked for some callers."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping
from typing import Any

from gaffer_kernel import InvalidField, JobConfig
from quart import has_request_context

from gaffer_http.auth import audit
from gaffer_http.auth.authorization import current_caller
from gaffer_http.errors import ApiError
from gaffer_http.views.body import read_object
from gaffer_http.views.current import current_context, current_kernel

SHELL = "/bin/sh"
"""The program of every shell job: not a secret."""
MASK = "***"
"""Replaces what only callers who may manage the job see: they could find it out anyway."""

_RESERVED = "x_"
"""Prefix of the fields that clients may use for their own notes; they are not kept."""


def mask_for_caller(info: Mapping[str, Any], session: str) -> dict[str, Any]:
    """Return a description of a job or process, with what the current caller may not see masked.

    Variables and arguments often hold secrets. A caller who may not manage the session sees the
    names of the variables and the program as it was configured; nothing of a shell job's command,
    because variables may be set in it; and of the options of plugins only numbers and truth values,
    because others can be commands and addresses.
    """
    if current_caller().may("manage", session):
        return dict(info)
    return _masked(info, current_kernel().job_options)


def _masked(info: Mapping[str, Any], declared: Container[str]) -> dict[str, Any]:
    shown = dict(info)
    if "config" in shown:
        shown["config"] = _masked(shown["config"], declared)
    for key, value in info.items():
        if key in declared and not isinstance(value, int | float | None):
            shown[key] = MASK if isinstance(value, str) else [MASK]
    if "env" in shown:
        shown["env"] = dict.fromkeys(shown["env"], MASK)
    if "cmd" in shown:
        shown["cmd"], program = _masked_command(shown["cmd"], shell=shown["shell"])
        if shown.get("argv"):
            # The first word of `argv` is the configured program after variables were replaced.
            shown["argv"] = [program, MASK] if len(shown["argv"]) > 1 else [program]
    if shown.get("args"):
        shown["args"] = [MASK]
    if shown.get("stop_command"):
        shown["stop_command"], _ = _masked_command(shown["stop_command"], shell=shown["shell"])
    return shown


def _masked_command(cmd: str, *, shell: bool) -> tuple[str, str]:
    """Return a command line without its arguments, and its program."""
    if shell:
        return MASK, SHELL
    program = shlex.split(cmd)[0]
    if "=" in program:  # NAME=secret program, which needs a shell, but has none.
        return MASK, MASK
    first, *more = cmd.split(maxsplit=1)
    return f"{first} {MASK}" if more else first, program


def check_not_masked(fields: Mapping[str, Any]) -> None:
    """Refuse masked values that were read from this API: the real values would be lost.

    Args:
        fields: `cmd`, `stop_command` and `env` of a job, as far as given.

    Raises:
        InvalidField: naming the variable or the command.
    """
    for field in ("cmd", "stop_command"):
        if fields.get(field) == MASK:
            raise InvalidField(field, f"is {MASK}, a masked command: give the real one")
    env = fields.get("env")
    for name, value in env.items() if isinstance(env, Mapping) else ():
        if value == MASK:
            raise InvalidField(f"env.{name}", f"is {MASK}, a masked value: give the real one")


def check_options_not_masked(fields: Mapping[str, object], declared: Container[str]) -> None:
    """Refuse masked options of plugins, as `check_not_masked` does.

    Args:
        fields: of a job.
        declared: the keys of plugins.

    Raises:
        InvalidField: naming the option.
    """
    for key, value in fields.items():
        if value in (MASK, [MASK]) and key in declared:
            raise InvalidField(key, f"is {MASK}, a masked value: give the real one")


async def read_fields() -> dict[str, Any]:
    """Return the fields of a job configuration in the body of the current request, unchecked.

    Raises:
        ApiError: 400, `invalid_json`.
    """
    return config_fields(await read_object())


def config_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given fields that belong to the configuration."""
    return {key: value for key, value in given.items() if not key.startswith(_RESERVED)}


def config_from_fields(fields: dict[str, Any]) -> JobConfig:
    """Return the configuration with these fields. The audit log names its program.

    Raises:
        ApiError: 400, `invalid_process_info`, for a wrong field.
    """
    try:
        if has_request_context():
            audit.note_program(current_context().mapping, fields)
        check_not_masked(fields)
        declared = current_kernel().job_options
        check_options_not_masked(fields, declared)
        return JobConfig.from_dict(fields, declared)
    except InvalidField as error:
        raise invalid_config_error(error) from None


def invalid_config_error(error: InvalidField) -> ApiError:
    """Return the error for a wrong field of a configuration."""
    return ApiError(400, "invalid_process_info", str(error))


async def read_config(name: str | None = None) -> tuple[JobConfig, dict[str, Any]]:
    """Return the job configuration in the body of the current request, and the fields as given.

    Args:
        name: of the job, if the path has it; the body may then omit it.

    Raises:
        ApiError: 400, `invalid_process_info` for a wrong field.
    """
    fields = await read_fields()
    if name is not None and fields.setdefault("name", name) != name:
        raise invalid_config_error(InvalidField("name", f"is {name!r} here, it cannot be changed"))
    return config_from_fields(fields), fields
