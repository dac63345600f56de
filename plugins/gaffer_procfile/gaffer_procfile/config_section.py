"""`[gaffer] procfile`: the jobs of a Procfile, loaded by gafferd."""

from __future__ import annotations

import logging
from pathlib import Path

from gaffer_kernel import Config, GafferError, InvalidField, Section

from gaffer_procfile.application import Application
from gaffer_procfile.concurrency import parse_concurrency
from gaffer_procfile.ports import clashes, ports_of_types

log = logging.getLogger(__package__)


def add_jobs(config: Config) -> None:
    """Add a job for each type to the configuration, in the session that is named like the folder.

    Raises:
        ConfigError: a file is wrong; file and line are named.
    """
    section = config.section("gaffer")
    if section is None:
        return
    path = section.get("procfile")
    if path is None:
        for key in ("env_files", "concurrency"):
            if section.get(key) is not None:
                raise section.error(key, "means nothing without procfile")
        return
    application = _application(config, section, path)
    for line in clashes(ports_of_types(application)):
        log.warning("%s: %s", path, line)
    for job in application.jobs():
        try:
            config.add_job(job, application.name)
        except GafferError as error:
            raise section.error("procfile", str(error)) from None


def _application(config: Config, section: Section, path: str) -> Application:
    folder = Path(section.file).parent
    try:
        concurrency = parse_concurrency(section.get("concurrency", "all=1"))
    except InvalidField as error:
        raise section.error("concurrency", error.reason) from None
    if not path:
        raise section.error("procfile", "names no file")
    env_files = [folder / each for each in section.getlist("env_files", [])]
    beside = (folder / path).parent / ".env"
    config.check_file(folder / path, section, "procfile")
    for file in env_files:
        config.check_file(file, section, "env_files")
    if beside.is_file():
        config.check_file(beside, section, "procfile")
    return Application.read(folder / path, env_files=env_files, concurrency=concurrency)
