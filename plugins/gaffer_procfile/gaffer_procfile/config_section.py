"""The keys `procfile`, `env_files` and `concurrency` of `[gaffer]`."""

from __future__ import annotations

import logging
from dataclasses import replace

from gaffer_kernel import Config, GafferError, InvalidField, Section

from gaffer_procfile.application import Application
from gaffer_procfile.concurrency import parse_concurrency
from gaffer_procfile.ports import find_port_conflicts, find_taken_ports, get_type_ports

log = logging.getLogger(__package__)


def add_jobs(config: Config) -> None:
    """Add a job for each type of the Procfile; their session has the name of its folder.

    Raises:
        ConfigError: a file is invalid; the error names file and line.
    """
    section = config.section("gaffer")
    if section is None:
        return
    path = section.get("procfile")
    if path is None:
        for key in ("env_files", "concurrency"):
            if section.get(key) is not None:
                raise section.error(key, "has no effect without procfile")
        return
    application = _read_application(config, section, path)
    for line in find_port_conflicts(get_type_ports(application)):
        log.warning("%s: %s", path, line)
    for process, port in find_taken_ports(application, config.reserved_ports):
        log.warning("%s: %s gets PORT %d, where gafferd listens: set another", path, process, port)
    for job in application.jobs():
        try:
            config.add_job(job, application.name)
        except GafferError as error:
            raise section.error("procfile", str(error)) from None


def _read_application(config: Config, section: Section, path: str) -> Application:
    try:
        concurrency = parse_concurrency(section.get("concurrency", "all=1"))
    except InvalidField as error:
        raise section.error("concurrency", error.reason) from None
    if not path:
        raise section.error("procfile", "is empty: give the path of a file")
    procfile = section.resolve(path, "procfile")
    env_files = [section.resolve(each, "env_files") for each in section.getlist("env_files", [])]
    default_env = procfile.parent / ".env"
    config.check_file(procfile, section, "procfile")
    for file in env_files:
        config.check_file(file, section, "env_files")
    if default_env.is_file():
        config.check_file(default_env, section, "procfile")
    app = Application.read(procfile, env_files=env_files, concurrency=concurrency)
    return replace(app, reserved_ports=config.reserved_ports)
