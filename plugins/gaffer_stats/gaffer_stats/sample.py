"""What was measured: of a process, and of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A process at one moment. What could not be read is None.

    Attributes:
        pid: gaffer's own number; None for a child, which is none of gaffer's processes.
        os_pid: the system's number.
        name: the shown name of its job; of a child, the name of its program.
        cpu: percent of one processor, since the measuring before.
        mem: percent of the machine's memory that is resident.
        mem_info1: resident memory, in bytes.
        mem_info2: virtual memory, in bytes.
        ctime: processor time used so far, in seconds.
        nice: its niceness.
        username: the user it runs as; the number of one without a name.
        cmdline: its command line, quoted as for a shell; what is very long is cut, and ends in
            `...`.
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
        name: the shown name of the job.
        stats: a sample of each process.
        mem, max_mem, min_mem: as `mem` of a sample: all together, the largest, the smallest.
        cpu, max_cpu, min_cpu: likewise of `cpu`.
    """

    name: str
    stats: tuple[Sample, ...]
    mem: float | None
    max_mem: float | None
    min_mem: float | None
    cpu: float | None
    max_cpu: float | None
    min_cpu: float | None


def totals(name: str, samples: Sequence[Sample]) -> JobStats:
    """The samples of a job's processes, added up."""
    mem = [sample.mem for sample in samples]
    cpu = [sample.cpu for sample in samples]
    return JobStats(
        name=name,
        stats=tuple(samples),
        mem=_known(sum, mem),
        max_mem=_known(max, mem),
        min_mem=_known(min, mem),
        cpu=_known(sum, cpu),
        max_cpu=_known(max, cpu),
        min_cpu=_known(min, cpu),
    )


def _known(
    function: Callable[[list[float]], float], values: Sequence[float | None]
) -> float | None:
    if not values:
        return 0.0
    known = [value for value in values if value is not None]
    # Without the noise that adding binary fractions brings.
    return round(function(known), 3) if known else None
