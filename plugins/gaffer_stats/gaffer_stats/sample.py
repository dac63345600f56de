"""Samples: the measurements of a process, and of a job with its totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A process at one moment. What could not be read is None.

    Attributes:
        pid: gaffer's number; None for a child, which is not one of gaffer's processes.
        os_pid: the system's number.
        name: the full name of its job; for a child, the name of its program.
        cpu: percent of one processor, since the previous measurement.
        mem: percent of the machine's memory that is resident.
        mem_info1: resident memory, in bytes.
        mem_info2: virtual memory, in bytes.
        ctime: processor time used so far, in seconds.
        nice: its niceness.
        username: the user it runs as; the user ID if that has no name.
        cmdline: its command line, quoted as for a shell; a very long one is cut and ends in `...`.
        children: the processes it has started, each with its own children.
    """

    pid: int | None = None
    os_pid: int
    name: str | None = None
    cpu: float | None = None
    mem: float | None = None
    mem_info1: int | None = None
    mem_info2: int | None = None
    ctime: float | None = None
    nice: int | None = None
    username: str | None = None
    cmdline: str | None = None
    children: tuple[Sample, ...] = ()


class JobStats(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of a job at one moment, one-offs included, and their totals.

    The totals are those of the samples, without children: 0 for a job without processes, None when
    nothing could be read.

    Attributes:
        name: the full name of the job.
        stats: a sample of each process.
        mem, max_mem, min_mem: sum, maximum and minimum of `mem` of the samples.
        cpu, max_cpu, min_cpu: sum, maximum and minimum of `cpu` of the samples.
    """

    name: str
    stats: tuple[Sample, ...]
    mem: float | None
    max_mem: float | None
    min_mem: float | None
    cpu: float | None
    max_cpu: float | None
    min_cpu: float | None

    @classmethod
    def from_samples(cls, name: str, samples: Sequence[Sample]) -> JobStats:
        """Add up the samples of a job's processes."""
        mem = [sample.mem for sample in samples]
        cpu = [sample.cpu for sample in samples]
        return cls(
            name=name,
            stats=tuple(samples),
            mem=_combine(sum, mem),
            max_mem=_combine(max, mem),
            min_mem=_combine(min, mem),
            cpu=_combine(sum, cpu),
            max_cpu=_combine(max, cpu),
            min_cpu=_combine(min, cpu),
        )


def _combine(
    function: Callable[[list[float]], float], values: Sequence[float | None]
) -> float | None:
    if not values:
        return 0.0
    known = [value for value in values if value is not None]
    # Rounding hides the error of adding binary fractions.
    return round(function(known), 3) if known else None
