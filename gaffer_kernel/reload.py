"""Applies the differences between two configurations to the running jobs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, Conflict, NotFound
from gaffer_kernel.jobs.config import KERNEL_KEYS, JobConfig
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.jobs.options import find_changes
from gaffer_kernel.names import JobName

log = logging.getLogger(__name__)

RESTART_KEYS = (
    "plugin_dir",
    "plugins_dir",
    "insecure_plugin_dir",
    "disable_plugins",
    "pidfile",
    "orphans",
)
"""Keys of `[gaffer]` that are read only when gafferd starts."""

_KINDS = ("loaded", "changed", "scaled", "unloaded")


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


def check_not_empty(before: Config, after: Config, jobs: Mapping[JobName, JobConfig]) -> None:
    """Refuse a file without any section: it was truncated, and its jobs would all be unloaded.

    Args:
        before: the current configuration.
        after: the one to reload.
        jobs: those that were loaded from `before`.

    Raises:
        ConfigError: jobs were loaded from the file, and it has no section left.
    """
    if jobs and before.sections() and after.path is not None and not after.sections():
        jobs_loaded = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
        raise ConfigError(
            f"no section left, but {jobs_loaded} loaded from it: to unload them all, keep [gaffer]",
            file=after.path,
        )


def apply_difference(
    manager: Manager, before: Mapping[JobName, JobConfig], after: Mapping[JobName, JobConfig]
) -> None:
    """Unload jobs that are gone, load new ones, update changed ones; leave the others alone.

    Each difference is logged, and the number of each kind. A job may have been unloaded or replaced
    over the API in the meantime: the file wins.
    """
    done: Counter[str] = Counter()
    for name in before:
        if name not in after:
            _unload(manager, name)
            done["unloaded"] += 1
            log.info("%s: unloaded: removed from the configuration", name)
    for name, config in after.items():
        if name not in before:
            load_job(manager, name, config)
            done["loaded"] += 1
            log.info("%s: loaded", name)
        elif before[name] != config or _was_taken_back(manager, name, config):
            change, detail = _change(manager, name, before[name], config)
            done[change] += 1
            log.info("%s: %s", name, detail)
    summary = ", ".join(f"{done[kind]} {kind}" for kind in _KINDS if done[kind])
    log.info("configuration reloaded: %s", f"jobs: {summary}" if summary else "no job changed")


def _was_taken_back(manager: Manager, name: JobName, config: JobConfig) -> bool:
    """Return whether a job does not have its configuration because the new processes failed."""
    try:
        job = manager.get(name)
    except NotFound:
        return False
    return job.restart_failure is not None and job.config != config


def load_job(manager: Manager, name: JobName, config: JobConfig) -> None:
    """Load a job of the configuration, or give its configuration to the job that has its name."""
    try:
        manager.load(config, name.session)
    except Conflict:
        manager.update(config, name.session, start=config.start)


def find_changed_keys(before: JobConfig, after: JobConfig) -> list[str]:
    """Return the keys, also those of plugins, whose values differ."""
    keys = [key for key in KERNEL_KEYS if getattr(before, key) != getattr(after, key)]
    return keys + find_changes(before.options, after.options)


def _unload(manager: Manager, name: JobName) -> None:
    try:
        manager.unload(name)
    except NotFound:
        # It was unloaded over the API before.
        pass


def _change(
    manager: Manager, name: JobName, before: JobConfig, after: JobConfig
) -> tuple[str, str]:
    """Return the kind of the change, and a description of it."""
    try:
        job = manager.get(name)
    except NotFound:
        manager.load(after, name.session)
        return "loaded", "loaded: changed in the configuration after it was unloaded"
    if job.restart_failure is not None and job.config == after:
        return "unchanged", "unchanged: the change before failed and was taken back"
    if before == after:
        before = job.config  # The change before failed: try it again.
    keys = find_changed_keys(before, after)
    if keys == ["numprocesses"] and job.config == before:
        manager.resize(after, name.session)
        return "scaled", f"scaled from {before.numprocesses} to {after.numprocesses}"
    job.update(after)
    return "changed", f"changed: {', '.join(keys)}"
