"""Makes JobConfigs of the sections [process:NAME] and [env:NAME]."""

import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from gaffer_kernel.config.section import Section
from gaffer_kernel.errors import ConfigError, InvalidField
from gaffer_kernel.jobs.config import NO_OPTIONS, JobConfig
from gaffer_kernel.jobs.options import JobOptions, describe_unknown
from gaffer_kernel.names import JobName

JOB_PREFIXES = ("process:", "job:")
ENV_PREFIX = "env:"

_WHOLE = re.compile("[0-9]{1,40}")
"""`attempts` of `flapping` is a whole number; the seconds can have a unit."""


def _numbers(section: Section, key: str) -> tuple[int | str, ...]:
    words = section.getlist(key, [])
    return tuple(int(word) if _WHOLE.fullmatch(word) else word for word in words)


def _flapping(section: Section, key: str) -> tuple[int | str, ...] | None:
    return _numbers(section, key) or None


def _optional_bool(section: Section, key: str) -> bool | None:
    return section.getbool(key) if section.get(key) else None


def _optional_text(section: Section, key: str) -> str | None:
    return section.get(key) or None


def _optional_int(section: Section, key: str) -> int | None:
    return section.getint(key) if section.get(key) else None


def _get_folder(section: Section, key: str) -> str | None:
    """Return the working directory: that of the file when not given.

    It is absolute, because the file itself may be named by a relative path, and another time by an
    absolute one. None, for gafferd's own, if the text comes from no file.
    """
    path = section.resolve(section.get(key, ""), key)
    return None if path == Path() and not os.path.isfile(section.file) else os.path.abspath(path)


CONVERT: dict[str, Callable[[Section, str], Any]] = {
    "cmd": Section.get,
    "args": Section.get,
    "uid": Section.get,
    "gid": Section.get,
    "cwd": _get_folder,
    "detach": Section.getbool,
    "shell": Section.getbool,
    "os_env": _optional_bool,
    "numprocesses": Section.getint,
    "port": _optional_int,
    "flapping": _flapping,
    "restart": Section.get,
    "success_codes": _numbers,
    "restart_delay": Section.get,
    "restart_delay_max": Section.get,
    "healthy_after": Section.get,
    "max_restarts": _optional_int,
    "restart_batch": Section.get,
    "ready_after": _optional_text,
    "ready_timeout": Section.get,
    "redirect_output": Section.getlist,
    "pty": Section.getbool,
    "redirect_input": Section.getbool,
    "custom_streams": Section.getlist,
    "stop": Section.get,
    "stop_command": Section.get,
    "stop_scope": Section.get,
    "graceful_timeout": Section.get,
    "priority": Section.getint,
    "start": Section.getbool,
}
"""The conversion of each key of a section [process:NAME]."""


Report = Callable[[ConfigError], None]
"""Takes an error: raises it, or collects it, so that the next one is found too."""


def _raise(error: ConfigError) -> None:
    raise error


def read_jobs(
    sections: Iterable[Section], report: Report = _raise, declared: JobOptions = NO_OPTIONS
) -> list[tuple[str, JobConfig]]:
    """Return the jobs that the sections describe, and their sessions.

    Args:
        sections: the sections of the files.
        report: takes each error; if it returns, the job of the error is left out.
        declared: the options that plugins declare.

    Raises:
        ConfigError: with the file, the line, the section and the key that is wrong.
    """
    sections = list(sections)
    environments = group_by_job(sections, (ENV_PREFIX,), report)
    described = group_by_job(sections, JOB_PREFIXES, report)
    for name, section in environments.items():
        if name not in described:
            report(section.error(None, f"there is no [process:{_format_name(name)}] for it"))
    jobs = (
        (name.session, _job(name, section, environments.get(name), report, declared))
        for name, section in described.items()
    )
    return [(session, job) for session, job in jobs if job is not None]


def group_by_job(
    sections: Iterable[Section], prefixes: tuple[str, ...], report: Report = _raise
) -> dict[JobName, Section]:
    """Return the sections whose names begin with a prefix, by the job that they name.

    Args:
        sections: the sections of the files.
        prefixes: the prefixes.
        report: as for `read_jobs`.

    Raises:
        ConfigError: a section names no job, or the same job as another one.
    """
    found: dict[JobName, Section] = {}
    for section in sections:
        if not section.name.startswith(prefixes):
            continue
        try:
            name = JobName.parse(section.name.partition(":")[2])
        except InvalidField as error:
            report(section.error(None, str(error)))
            continue
        first = found.setdefault(name, section)
        if first is not section:
            place = f"[{first.name}], {first.file}:{first.line}"
            report(section.error(None, f"names the same job as {place}"))
    return found


def _format_name(name: JobName) -> str:
    return str(name).replace(".", ":")


def _job(
    name: JobName,
    section: Section,
    environment: Section | None,
    report: Report,
    declared: JobOptions,
) -> JobConfig | None:
    errors: list[ConfigError] = []

    def note(error: ConfigError) -> None:
        errors.append(error)
        report(error)

    values = _convert(name, section, note, declared)
    if "cmd" not in values:
        if section.get("cmd") is None:
            note(section.error("cmd", "is missing"))
        return None
    try:
        variables = _variables(environment)
    except ConfigError as error:
        note(error)
        variables = {}
    values = {"name": name.name, "env": variables, "cwd": _get_folder(section, "cwd"), **values}
    while True:
        try:
            config = JobConfig(**values).check_options(declared)
        except InvalidField as error:
            note(_locate(error, section, environment))
            # Without the wrong value, the next error can be found.
            field = re.split(r"[.\[]", error.field)[0]
            if field == "cmd" or values.pop(field, None) is None:
                return None  # also for options: each is right by itself
        else:
            return None if errors else config


def _convert(
    name: JobName, section: Section, report: Report, declared: JobOptions
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for key, text in section.items():
        if key == "env":
            place = f"[env:{_format_name(name)}]"
            report(section.error(key, f"variables go into a section {place}"))
        elif key in declared:
            try:
                options[key] = declared.read_text(key, text, partial(_resolve, section, key))
            except InvalidField as error:
                report(_locate(error, section, None))
        elif key not in CONVERT:
            known = [*CONVERT, *(option.key for option in declared)]
            report(section.error(key, describe_unknown(key, known, "unknown key")))
        else:
            try:
                values[key] = CONVERT[key](section, key)
            except ConfigError as error:
                report(error)
    return {**values, "options": options}


def _resolve(section: Section, key: str, path: str) -> str:
    return os.path.abspath(section.resolve(path, key))


def _variables(environment: Section | None) -> dict[str, str]:
    variables: dict[str, str] = {}
    for key, value in environment.items() if environment else ():
        if key.upper() in variables:
            assert environment
            raise environment.error(key, f"the variable {key.upper()} is set twice")
        variables[key.upper()] = value
    return variables


def _locate(error: InvalidField, section: Section, environment: Section | None) -> ConfigError:
    """Make a ConfigError with file and line of an error in a field."""
    field, dot, inner = error.field.partition(".")
    if field == "env" and environment is not None:
        written = next((key for key, _ in environment.items() if key.upper() == inner), None)
        return environment.error(written, error.reason)
    message = f"{inner} {error.reason}" if dot else error.reason
    return section.error(field.partition("[")[0], message)
