"""What one lookupd has been told, against what is true."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from gaffer_kernel import JobName

from gaffer_lookup.protocol import (
    RegisterJob,
    RegisterJobs,
    RegisterProcess,
    Said,
    UnregisterJob,
    UnregisterProcess,
)
from gaffer_lookup.sync_state import Truth, Untold

ROOM = 32 * 1024
"""Bytes of a message that tells of many jobs: half of what lookupd takes."""

DIGITS = 20
"""Bytes of a pid, or of what is around a name, at the most."""


class Ledger(Untold):
    """The account of one lookupd.

    Args:
        truth: what is true of a job, at this moment.
        ids: numbers for words.
    """

    def __init__(self, truth: Truth, ids: Iterator[int]) -> None:
        super().__init__(truth)
        self._ids = ids
        # Those of one job, or of many new ones: `_told` has them already.
        self._words: deque[Said] = deque()

    def begin(self, jobs: Iterable[JobName]) -> None:
        """The other side knows nothing.

        Args:
            jobs: all that there are.
        """
        self._told = {}
        self._words.clear()
        self._open = dict.fromkeys(jobs)

    def next(self) -> Said | None:
        """The next thing to say, which counts as told; None if there is nothing."""
        while not self._words and self._open:
            if len(jobs := self._unknown()) > 1:
                self._words.append(self._introduce(jobs))
            else:
                job = next(iter(self._open))
                del self._open[job]
                self._words.extend(self._difference(job))
        return self._words.popleft() if self._words else None

    def _unknown(self) -> dict[JobName, list[int]]:
        """The next jobs that the other side has to be told of, as many as fit into a message."""
        room, found = ROOM, {}
        for job in self._open:
            pids = self._truth(job)
            if job in self._told or pids is None:
                break
            room -= len(job.session) + len(job.name) + DIGITS * (len(pids) + 1)
            if room < 0:
                break
            found[job] = sorted(pids)
        return found

    def _introduce(self, jobs: dict[JobName, list[int]]) -> Said:
        for job, pids in jobs.items():
            self._told[job] = frozenset(pids)
            del self._open[job]
        named = {str(job): pids for job, pids in jobs.items()}
        return RegisterJobs(msgid=next(self._ids), jobs=named)

    def _difference(self, job: JobName) -> Iterator[Said]:
        """What is to be said of one job."""
        ids, name = self._ids, str(job)
        pids, told = self._truth(job), self._told.pop(job, None)
        if pids is None:
            if told is not None:
                yield UnregisterJob(msgid=next(ids), job_name=name)
            return
        self._told[job] = pids
        if told is None:
            yield RegisterJob(msgid=next(ids), job_name=name)
            told = frozenset()
        for pid in sorted(told - pids):
            yield UnregisterProcess(msgid=next(ids), job_name=name, pid=pid)
        for pid in sorted(pids - told):
            yield RegisterProcess(msgid=next(ids), job_name=name, pid=pid)
