"""Applies the differences between two configurations to the running jobs."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from gaffer_kernel.config import Config
from gaffer_kernel.errors import Conflict, NotFound
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.names import JobName

log = logging.getLogger(__name__)

RESTART_KEYS = ("plugin_dir", "plugins_dir", "insecure_plugin_dir", "disable_plugins", "pidfile")
"""Keys of `[gaffer]` that are read only when gafferd starts."""


def index_jobs(config: Config) -> dict[JobName, JobConfig]:
    """Return the jobs of a configuration by name, those of highest priority first.

    Raises:
        Conflict: a plugin added a job that the file has too.
    """
    jobs: dict[JobName, JobConfig] = {}
    for session, job in config.jobs():
        name = JobName.parse(job.name, session)
        if name in jobs:
            raise Conflict("job", name)
        jobs[name] = job
    return jobs


def warn_of_restart_keys(before: Config, after: Config) -> None:
    """Log which changes take effect only when gafferd starts the next time."""
    for key in RESTART_KEYS:
        if before.get("gaffer", key) != after.get("gaffer", key):
            log.warning("[gaffer] %s: changed: restart gafferd to apply it", key)


def apply_difference(
    manager: Manager, before: Mapping[JobName, JobConfig], after: Mapping[JobName, JobConfig]
) -> None:
    """Unload jobs that are gone, load new ones, update changed ones; leave the others alone.

    A job may have been unloaded or replaced over the API in the meantime: the file wins.
    """
    for name in before:
        if name not in after:
            log.info("%s: removed from the configuration: unloading", name)
            _unload(manager, name)
    for name, config in after.items():
        if name not in before:
            _load(manager, name, config)
        elif before[name] != config:
            log.info("%s: changed in the configuration: updating", name)
            _change(manager, name, before[name], config)


def _unload(manager: Manager, name: JobName) -> None:
    try:
        manager.unload(name)
    except NotFound:
        # It was unloaded over the API before.
        pass


def _load(manager: Manager, name: JobName, config: JobConfig) -> None:
    try:
        manager.load(config, name.session)
    except Conflict:
        manager.update(config, name.session, start=config.start)


def _change(manager: Manager, name: JobName, before: JobConfig, after: JobConfig) -> None:
    try:
        job = manager.get(name)
    except NotFound:
        manager.load(after, name.session)
        return
    only_number = msgspec.structs.replace(before, numprocesses=after.numprocesses) == after
    if only_number and job.config == before:
        manager.resize(after, name.session)
    else:
        job.update(after)
