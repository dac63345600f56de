"""The jobs of a node that etcd was sent, compared with those that run."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_kernel import JobName

from gaffer_lookup.etcd.keys import Keys, delete, encode_pids, put
from gaffer_lookup.etcd.wire import Body
from gaffer_lookup.sync_state import GetPids, SyncState

Batch = dict[JobName, frozenset[int] | None]
"""The pids to write for some jobs; None to delete the job."""

MAX_OPERATIONS = 127
"""In one transaction, plus the one that LeasedNode adds: etcd's default limit is 128."""

MAX_BYTES = 512 * 1024
"""In one transaction; etcd accepts three times as much."""


class EtcdSync(SyncState):
    """Makes the transactions that bring etcd up to date, for one registration.

    Args:
        keys: the layout of keys.
        lease: of the registration.
        get_pids: returns what runs now.
        jobs: all jobs.
    """

    def __init__(self, keys: Keys, lease: int, get_pids: GetPids, jobs: Iterable[JobName]) -> None:
        super().__init__(get_pids, jobs)
        self._keys = keys
        self._lease = lease
        # Jobs of batches that are being written, or whose outcome is unknown.
        self._uncertain: set[JobName] = set()

    def _may_be_known(self, job: JobName) -> bool:
        return super()._may_be_known(job) or job in self._uncertain

    def next_batch(self) -> Batch:
        """Return what to write next, as much as fits into one transaction; empty if up to date.

        Until `mark_written`, its jobs count as perhaps written and perhaps not.
        """
        batch: Batch = {}
        size = 0
        for job in list(self._pending):
            pids = self._get_frozen_pids(job)
            if job not in self._uncertain and pids == self._sent.get(job):
                del self._pending[job]
                continue
            # A pid has at most 18 digits and a comma.
            size += 1024 + 19 * len(pids or ())
            if batch and size > MAX_BYTES:
                break
            batch[job] = pids
            if len(batch) == MAX_OPERATIONS:
                break
        self._uncertain.update(batch)
        return batch

    def _get_frozen_pids(self, job: JobName) -> frozenset[int] | None:
        pids = self._get_pids(job)
        return None if pids is None else frozenset(pids)

    def operations(self, batch: Batch) -> list[Body]:
        """Return the operations of a transaction for a batch."""
        return [self._operation(job, pids) for job, pids in batch.items()]

    def _operation(self, job: JobName, pids: frozenset[int] | None) -> Body:
        key = self._keys.job(self._lease, job)
        return delete(key) if pids is None else put(key, encode_pids(pids), self._lease)

    def mark_written(self, batch: Batch) -> None:
        """Record that a batch was written. Jobs that changed meanwhile are still pending."""
        self._uncertain.difference_update(batch)
        for job, pids in batch.items():
            if pids is None:
                self._sent.pop(job, None)
            else:
                self._sent[job] = pids
