"""Applies the differences between two configurations to the running jobs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, Conflict, NotFound
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.names import JobName
from gaffer_kernel.plan import JobChange

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

_KINDS = {
    "new": "loaded",
    "replaced": "changed",
    "live": "changed",
    "next_start": "changed",
    "scaled": "scaled",
    "gone": "unloaded",
}
"""The word of the log for each change."""


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


def apply_changes(
    manager: Manager,
    changes: Iterable[JobChange],
    before: Mapping[JobName, JobConfig],
    after: Mapping[JobName, JobConfig],
) -> None:
    """Unload jobs that are gone, load new ones, update changed ones; leave the others alone.

    Each change is logged, and the number of each kind.

    Args:
        manager: the jobs that are loaded.
        changes: from `plan_changes`.
        before: the configuration that was applied last.
        after: the one to apply.
    """
    done: Counter[str] = Counter()
    for name, change, keys in changes:
        if change == "unchanged":
            continue
        done[_KINDS[change]] += 1
        if change == "gone":
            _unload(manager, name)
            log.info("%s: unloaded: removed from the configuration", name)
            continue
        config = after[name]
        if change == "new":
            load_job(manager, name, config)
            log.info("%s: loaded", name)
        elif change == "scaled":
            number = manager.get(name).config.numprocesses
            manager.resize(config, name.session)
            log.info("%s: scaled from %d to %d", name, number, config.numprocesses)
        else:
            # A job that the file did not have until now is started as a new one would be.
            manager.update(config, name.session, start=name not in before and config.start)
            log.info("%s: changed: %s", name, ", ".join(keys))
    counts = [f"{done[kind]} {kind}" for kind in dict.fromkeys(_KINDS.values()) if done[kind]]
    summary = f"jobs: {', '.join(counts)}" if counts else "no job changed"
    log.info("configuration reloaded: %s", summary)


def load_job(manager: Manager, name: JobName, config: JobConfig) -> None:
    """Load a job of the configuration, or give its configuration to the job that has its name."""
    try:
        manager.load(config, name.session)
    except Conflict:
        manager.update(config, name.session, start=config.start)


def _unload(manager: Manager, name: JobName) -> None:
    try:
        manager.unload(name)
    except NotFound:
        # It was unloaded over the API before.
        pass
