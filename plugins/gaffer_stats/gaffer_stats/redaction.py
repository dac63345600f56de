"""Which samples a caller of gaffer-http sees.

Callers see samples of the sessions that they may read. Command lines, which can contain secrets,
are removed where they may not manage the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_kernel import JobName
from msgspec.structs import replace

from gaffer_stats.sample import JobStats, Sample

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller


def redact(caller: Caller, result: Sample | JobStats) -> Sample | JobStats:
    """Return the samples of a process or of a job as a caller may see them."""
    if isinstance(result, Sample):
        return redact_process(caller, result)
    return redact_job(caller, result)


def redact_process(caller: Caller, sample: Sample) -> Sample:
    """Return the sample of a process as a caller may see it."""
    return sample if _may_manage(caller, sample.name or "") else _remove_command_lines(sample)


def redact_job(caller: Caller, stats: JobStats) -> JobStats:
    """Return the samples of a job as a caller may see them."""
    if _may_manage(caller, stats.name):
        return stats
    return replace(stats, stats=tuple(map(_remove_command_lines, stats.stats)))


def redact_jobs(caller: Caller, jobs: tuple[JobStats, ...]) -> tuple[JobStats, ...]:
    """Return the samples of the jobs that a caller may read."""
    if caller.may("manage"):
        return jobs
    return tuple(
        redact_job(caller, stats) for stats in jobs if caller.may("read", _get_session(stats.name))
    )


def _may_manage(caller: Caller, job: str) -> bool:
    return caller.may("manage", _get_session(job))


def _get_session(job: str) -> str:
    return JobName.parse(job).session


def _remove_command_lines(sample: Sample) -> Sample:
    children = tuple(map(_remove_command_lines, sample.children))
    return replace(sample, cmdline=None, children=children)
