"""The differences between two configurations: what a reload does to each job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from gaffer_kernel.errors import NotFound
from gaffer_kernel.jobs.config import KERNEL_KEYS, JobConfig
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.jobs.options import JobOptions, find_changes
from gaffer_kernel.names import JobName

Change = Literal["new", "gone", "replaced", "live", "next_start", "scaled", "unchanged"]


class JobChange(NamedTuple):
    """The effect of a reload on one job.

    Attributes:
        name: session and name.
        change: `new` and `gone` are loaded and unloaded; `replaced` replaces the processes;
            `live` and `next_start` keep them, because the keys take effect at once or in the next
            process; `scaled` changes the number of instances only.
        keys: what differs from the present configuration of the job.
    """

    name: JobName
    change: Change
    keys: tuple[str, ...] = ()


def plan_changes(
    manager: Manager,
    before: Mapping[JobName, JobConfig],
    after: Mapping[JobName, JobConfig],
    declared: JobOptions,
) -> list[JobChange]:
    """Return what to do to each job of two configurations, those that are gone first.

    A job may have been unloaded or replaced over the API in the meantime: where the file has
    changed, the file wins. A change that failed and was taken back is tried again.

    Args:
        manager: the jobs that are loaded.
        before: the configuration that was applied last.
        after: the one to apply.
        declared: the options that plugins declare.
    """
    gone = [JobChange(name, "gone") for name in before if name not in after]
    return [*gone, *_plan_present(manager, before, after, declared)]


def _plan_present(
    manager: Manager,
    before: Mapping[JobName, JobConfig],
    after: Mapping[JobName, JobConfig],
    declared: JobOptions,
) -> Iterator[JobChange]:
    for name, config in after.items():
        job = find_job(manager, name)
        was_taken_back = job is not None and job.restart_failure is not None
        if before.get(name) == config and not was_taken_back:
            yield JobChange(name, "unchanged")
        elif job is None:
            yield JobChange(name, "new")
        else:
            yield _compare(name, job.config, config, declared)


def find_job(manager: Manager, name: JobName) -> Job | None:
    """Return the job of a name; None if none is loaded."""
    try:
        return manager.get(name)
    except NotFound:
        return None


def _compare(name: JobName, before: JobConfig, after: JobConfig, declared: JobOptions) -> JobChange:
    keys = find_changed_keys(before, after)
    change: Change
    if not keys:
        change = "unchanged"
    elif keys == ["numprocesses"]:
        change = "scaled"
    elif not before.keep_processes(after, declared):
        change = "replaced"
    elif any(option.applies == "next_start" for option in declared if option.key in keys):
        change = "next_start"
    else:
        change = "live"
    return JobChange(name, change, tuple(keys))


def find_changed_keys(before: JobConfig, after: JobConfig) -> list[str]:
    """Return the keys, also those of plugins, whose values differ."""
    keys = [key for key in KERNEL_KEYS if getattr(before, key) != getattr(after, key)]
    return keys + find_changes(before.options, after.options)
