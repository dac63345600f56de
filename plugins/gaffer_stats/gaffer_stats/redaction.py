"""What a caller of gaffer-http is told of samples: of the sessions that he may read, and without
command lines, which may hold secrets, of those that he may not manage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_kernel import JobName
from msgspec.structs import replace

from gaffer_stats.sample import JobStats, Sample

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller


def shown_to(caller: Caller, result: Sample | JobStats) -> Sample | JobStats:
    """What was measured, of a process or of a job."""
    if isinstance(result, Sample):
        return process_for(caller, result)
    return job_for(caller, result)


def process_for(caller: Caller, sample: Sample) -> Sample:
    """The sample of a process."""
    return sample if _manages(caller, sample.name or "") else _without_command(sample)


def job_for(caller: Caller, stats: JobStats) -> JobStats:
    """The samples of a job."""
    if _manages(caller, stats.name):
        return stats
    return replace(stats, stats=tuple(map(_without_command, stats.stats)))


def jobs_for(caller: Caller, jobs: tuple[JobStats, ...]) -> tuple[JobStats, ...]:
    """The samples of the jobs that he may read."""
    if caller.may("manage"):
        return jobs
    return tuple(
        job_for(caller, stats) for stats in jobs if caller.may("read", _session(stats.name))
    )


def _manages(caller: Caller, job: str) -> bool:
    return caller.may("manage", _session(job))


def _session(job: str) -> str:
    return JobName.parse(job).session


def _without_command(sample: Sample) -> Sample:
    children = tuple(map(_without_command, sample.children))
    return replace(sample, cmdline=None, children=children)
