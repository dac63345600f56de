"""How much of a processor processes take, over the time between two looks."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_client import JobStats, Sample


class Meter:
    """Remembers how much processor time each process had used.

    gafferd measures over a tenth of a second, in which most processes do all or nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, float] = {}
        self._now: dict[int, float] = {}
        self._between = 0.0
        self._at: float | None = None

    def look(self, stats: Iterable[JobStats], now: float) -> None:
        """Take what all processes have used until now, a monotonic time in seconds."""
        self._before = self._now
        self._between = 0.0 if self._at is None else now - self._at
        self._at = now
        every = (sample for job in stats for sample in with_children(job.stats))
        self._now = {each.os_pid: each.ctime for each in every if each.ctime is not None}

    def cpu(self, sample: Sample) -> float:
        """Percent of one processor; as gafferd measures it, of a process that is new."""
        before, now = self._before.get(sample.os_pid), self._now.get(sample.os_pid)
        if before is None or now is None or self._between <= 0:
            return sample.cpu or 0.0
        return max(0.0, 100 * (now - before) / self._between)


def with_children(samples: Iterable[Sample]) -> Iterable[Sample]:
    """Processes, and all that they have started."""
    waiting = list(samples)
    while waiting:
        sample = waiting.pop()
        yield sample
        waiting += sample.children
