"""CPU use of processes between two measurements."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_client import JobStats, Sample


class CpuMeter:
    """Stores the CPU time of each process, and computes its use since the previous measurement.

    gafferd itself measures over a tenth of a second, which is too short for an average.
    """

    def __init__(self) -> None:
        self._before: dict[int, float] = {}
        self._now: dict[int, float] = {}
        self._between = 0.0
        self._at: float | None = None

    def update(self, stats: Iterable[JobStats], now: float) -> None:
        """Store the CPU time that all processes have used until `now`, monotonic seconds."""
        self._before = self._now
        self._between = 0.0 if self._at is None else now - self._at
        self._at = now
        every = (sample for job in stats for sample in with_children(job.stats))
        self._now = {each.os_pid: each.ctime for each in every if each.ctime is not None}

    def get_cpu(self, sample: Sample) -> float:
        """Return the percentage of one processor; for a new process, that measured by gafferd."""
        before, now = self._before.get(sample.os_pid), self._now.get(sample.os_pid)
        if before is None or now is None or self._between <= 0:
            return sample.cpu or 0.0
        return max(0.0, 100 * (now - before) / self._between)


def with_children(samples: Iterable[Sample]) -> Iterable[Sample]:
    """Iterate over processes and all their descendants."""
    waiting = list(samples)
    while waiting:
        sample = waiting.pop()
        yield sample
        waiting += sample.children
