"""Reload by difference: what changed between two configurations, applied to the running jobs."""

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

AT_START = ("plugin_dir", "plugins_dir", "insecure_plugin_dir", "disable_plugins", "pidfile")
"""Keys of `[gaffer]` that no reload takes up."""


def index(config: Config) -> dict[JobName, JobConfig]:
    """The jobs of a configuration by name, those of highest priority first.

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


def tell_what_waits(before: Config, after: Config) -> None:
    """Say in the log which changes count only when gafferd starts again."""
    for key in AT_START:
        if before.get("gaffer", key) != after.get("gaffer", key):
            log.warning("[gaffer] %s: counts when gafferd starts the next time", key)


def apply_difference(
    manager: Manager, before: Mapping[JobName, JobConfig], after: Mapping[JobName, JobConfig]
) -> None:
    """Unload what is gone, load what is new, update what changed; leave the rest alone.

    A job that was unloaded or replaced by hand in the meantime is no obstacle: what the file says
    now is what will be.
    """
    for name in before:
        if name not in after:
            log.info("%s has left the configuration", name)
            _unload(manager, name)
    for name, config in after.items():
        if name not in before:
            _load(manager, name, config)
        elif before[name] != config:
            log.info("%s has changed in the configuration", name)
            _change(manager, name, before[name], config)


def _unload(manager: Manager, name: JobName) -> None:
    try:
        manager.unload(name)
    except NotFound:
        # Unloaded by hand before: as wanted.
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
