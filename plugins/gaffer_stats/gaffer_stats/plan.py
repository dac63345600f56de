"""Plans: what one pass has to measure for a process, a job or all jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from gaffer_kernel import Job, Manager, Process

from gaffer_stats.sample import JobStats, Sample

Subject = Process | Job | Manager
"""A subject that can be watched; the manager stands for all jobs."""

Measured = Mapping[int, Sample]
"""Samples by os pid, as the system gives them."""

Result = Sample | JobStats | tuple[JobStats, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The measurements of one pass for a subject.

    Attributes:
        processes: the processes of the subject now.
        make_result: makes the result for watchers of the samples of these processes.
    """

    processes: list[Process]
    make_result: Callable[[Measured], Result]


def make_plan(subject: Subject) -> Plan:
    """Plan a pass for a subject in its current state."""
    match subject:
        case Process():
            return Plan([subject], partial(get_sample, subject))
        case Job():
            processes = subject.processes
            return Plan(processes, partial(_make_stats, str(subject.name), processes))
        case Manager():
            jobs = [(str(job.name), job.processes) for job in subject.jobs()]
            return Plan([each for _, some in jobs for each in some], partial(_make_all_stats, jobs))


def is_finished(subject: Subject) -> bool:
    """Whether there will never be anything to measure of a subject again."""
    match subject:
        case Process():
            return subject.exit_status is not None
        case Job():
            return subject.gone.is_set()
        case Manager():
            return False


def get_sample(process: Process, measured: Measured) -> Sample:
    """Return the sample of a process; without figures if the process has exited."""
    name, os_pid = str(process.job), process.os_pid
    # After the process was reaped, the measured one may be another that reused its os pid.
    if process.active and os_pid in measured:
        return msgspec.structs.replace(measured[os_pid], pid=process.pid, name=name)
    return Sample(pid=process.pid, os_pid=os_pid, name=name)


def _make_stats(name: str, processes: list[Process], measured: Measured) -> JobStats:
    return JobStats.from_samples(name, [get_sample(process, measured) for process in processes])


def _make_all_stats(
    jobs: list[tuple[str, list[Process]]], measured: Measured
) -> tuple[JobStats, ...]:
    return tuple(_make_stats(name, processes, measured) for name, processes in jobs)
