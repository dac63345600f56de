"""The jobs that one lookupd was sent, compared with those that run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from gaffer_kernel import JobName

from gaffer_lookup.protocol import (
    Message,
    RegisterJob,
    RegisterJobs,
    RegisterProcess,
    UnregisterJob,
    UnregisterProcess,
)
from gaffer_lookup.sync_state import GetPids, SyncState

MAX_MESSAGE_BYTES = 32 * 1024
"""Bytes of a message with many jobs: half of what lookupd accepts."""

BYTES_PER_ITEM = 20
"""Bytes of a pid, or of the JSON around a name, at most."""


class LookupdSync(SyncState):
    """Makes the messages that bring one lookupd up to date.

    Args:
        get_pids: returns what runs now.
        ids: numbers for messages.
    """

    def __init__(self, get_pids: GetPids, ids: Iterator[int]) -> None:
        super().__init__(get_pids)
        self._ids = ids
        # Messages about one job, or about many new ones: `_sent` includes them already.
        self._queued: deque[Message] = deque()

    def reset(self, jobs: Iterable[JobName]) -> None:
        """Start again with a lookupd that knows nothing.

        Args:
            jobs: all jobs.
        """
        self._sent = {}
        self._queued.clear()
        self._pending = dict.fromkeys(jobs)

    def next_message(self) -> Message | None:
        """Return the next message, which counts as sent; None if lookupd is up to date."""
        while not self._queued and self._pending:
            if len(jobs := self._next_new_jobs()) > 1:
                self._queued.append(self._register_jobs(jobs))
            else:
                job = next(iter(self._pending))
                del self._pending[job]
                self._queued.extend(self._diff_job(job))
        return self._queued.popleft() if self._queued else None

    def _next_new_jobs(self) -> dict[JobName, list[int]]:
        """Return the next jobs that lookupd does not know, as many as fit into a message."""
        room, found = MAX_MESSAGE_BYTES, {}
        for job in self._pending:
            pids = self._get_pids(job)
            if job in self._sent or pids is None:
                break
            room -= len(job.session) + len(job.name) + BYTES_PER_ITEM * (len(pids) + 1)
            if room < 0:
                break
            found[job] = sorted(pids)
        return found

    def _register_jobs(self, jobs: dict[JobName, list[int]]) -> Message:
        for job, pids in jobs.items():
            self._sent[job] = frozenset(pids)
            del self._pending[job]
        named = {str(job): pids for job, pids in jobs.items()}
        return RegisterJobs(msgid=next(self._ids), jobs=named)

    def _diff_job(self, job: JobName) -> Iterator[Message]:
        ids, name = self._ids, str(job)
        pids, sent = self._get_pids(job), self._sent.pop(job, None)
        if pids is None:
            if sent is not None:
                yield UnregisterJob(msgid=next(ids), job_name=name)
            return
        self._sent[job] = pids
        if sent is None:
            yield RegisterJob(msgid=next(ids), job_name=name)
            sent = frozenset()
        for pid in sorted(sent - pids):
            yield UnregisterProcess(msgid=next(ids), job_name=name, pid=pid)
        for pid in sorted(pids - sent):
            yield RegisterProcess(msgid=next(ids), job_name=name, pid=pid)
