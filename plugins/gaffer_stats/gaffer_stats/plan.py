"""What can be watched, and what has to be measured for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from gaffer_kernel import Job, Manager, Process

from gaffer_stats.sample import JobStats, Sample, totals

Subject = Process | Job | Manager
"""What can be watched; the manager stands for all jobs."""

Measured = Mapping[int, Sample]
"""Samples by os pid, as they come from the system."""

Result = Sample | JobStats | tuple[JobStats, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What one pass has to find out for a subject.

    Attributes:
        processes: those it has now.
        result: makes of their samples what the watchers get.
    """

    processes: list[Process]
    result: Callable[[Measured], Result]


def frame_of(subject: Subject) -> Frame:
    """What there is to measure of a subject at this moment."""
    match subject:
        case Process():
            return Frame([subject], partial(sample_of, subject))
        case Job():
            processes = subject.processes
            return Frame(processes, partial(_stats, str(subject.name), processes))
        case Manager():
            jobs = [(str(job.name), job.processes) for job in subject.jobs()]
            return Frame([each for _, some in jobs for each in some], partial(_all_stats, jobs))


def is_over(subject: Subject) -> bool:
    """Whether there will never be anything to measure of it again."""
    match subject:
        case Process():
            return subject.exit_status is not None
        case Job():
            return subject.gone.is_set()
        case Manager():
            return False


def sample_of(process: Process, measured: Measured) -> Sample:
    """What was measured of a process; nothing but its name when it has ended meanwhile."""
    name, os_pid = str(process.job), process.os_pid
    # Once it has been reaped, its number may have been another one's when it was measured.
    if process.active and os_pid in measured:
        return msgspec.structs.replace(measured[os_pid], pid=process.pid, name=name)
    return Sample(pid=process.pid, os_pid=os_pid, name=name)


def _stats(name: str, processes: list[Process], measured: Measured) -> JobStats:
    return totals(name, [sample_of(process, measured) for process in processes])


def _all_stats(jobs: list[tuple[str, list[Process]]], measured: Measured) -> tuple[JobStats, ...]:
    return tuple(_stats(name, processes, measured) for name, processes in jobs)
