"""What one lookupd has been told, against what is true: the next word that brings them together.

Not a queue of events but the difference of two states: however much happens while nobody listens,
there are never more words to say than there are jobs and processes, and none of them is outdated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from gaffer_kernel import JobName

from gaffer_lookup.words import (
    RegisterJob,
    RegisterProcess,
    Said,
    UnregisterJob,
    UnregisterProcess,
)

Truth = Callable[[JobName], Set[int] | None]
"""The pids of a job; None if there is no such job."""


class Ledger:
    """The account of one lookupd.

    Args:
        truth: what is true of a job, at this moment.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._told: dict[JobName, set[int]] = {}
        # A dictionary, because it keeps the order.
        self._open: dict[JobName, None] = {}

    def begin(self, jobs: Iterable[JobName]) -> None:
        """The other side knows nothing.

        Args:
            jobs: all that there are.
        """
        self._told = {}
        self._open = dict.fromkeys(jobs)

    def touch(self, job: JobName) -> None:
        """Something has become of a job."""
        if job in self._told or self._truth(job) is not None:
            self._open[job] = None
        else:
            # It came and went untold: else names that are used once would pile up.
            self._open.pop(job, None)

    def touch_all(self, jobs: Iterable[JobName]) -> None:
        """Nobody knows what has become of any job.

        Args:
            jobs: all that there are.
        """
        self._open |= dict.fromkeys((*self._told, *jobs))

    def next(self, msgid: int) -> Said | None:
        """The next thing to say, which counts as told; None if there is nothing."""
        while self._open:
            job = next(iter(self._open))
            said = self._step(job, msgid)
            if said is not None:
                return said
            del self._open[job]
        return None

    def _step(self, job: JobName, msgid: int) -> Said | None:
        pids, told, name = self._truth(job), self._told.get(job), str(job)
        if pids is None:
            return UnregisterJob(msgid=msgid, job_name=name) if self._forget(job) else None
        if told is None:
            self._told[job] = set()
            return RegisterJob(msgid=msgid, job_name=name)
        for pid in sorted(told - pids):
            told.remove(pid)
            return UnregisterProcess(msgid=msgid, job_name=name, pid=pid)
        for pid in sorted(pids - told):
            told.add(pid)
            return RegisterProcess(msgid=msgid, job_name=name, pid=pid)
        return None

    def _forget(self, job: JobName) -> bool:
        """Whether the job had been told of."""
        return self._told.pop(job, None) is not None
