"""What etcd has been told of the jobs of a node, against what is true."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_kernel import JobName

from gaffer_lookup.etcd.keys import Keys, delete, pids_value, put
from gaffer_lookup.etcd.wire import Body
from gaffer_lookup.sync_state import Truth, Untold

Batch = dict[JobName, frozenset[int] | None]
"""What is to be told of some jobs; None of one that is gone."""

MAX_OPERATIONS = 127
"""In one transaction, besides that of a Claim: what etcd allows unless it was told otherwise."""

MAX_BYTES = 512 * 1024
"""In one transaction; etcd takes three times as much."""


class Account(Untold):
    """The account of one registration.

    Args:
        keys: under which it is told.
        lease: of the registration.
        truth: what is true of a job, at this moment.
        jobs: all that there are.
    """

    def __init__(self, keys: Keys, lease: int, truth: Truth, jobs: Iterable[JobName]) -> None:
        super().__init__(truth, jobs)
        self._keys = keys
        self._lease = lease
        # Those of batches that are under way, or of which nobody knows what has become.
        self._unsure: set[JobName] = set()

    def _may_be_known(self, job: JobName) -> bool:
        return super()._may_be_known(job) or job in self._unsure

    def batch(self) -> Batch:
        """What is to be told next, all at once: as much as one transaction takes; empty if nothing.

        Until it is `settled`, it counts as something that may have been told or not.
        """
        batch: Batch = {}
        size = 0
        for job in list(self._open):
            pids = self._pids(job)
            if job not in self._unsure and pids == self._told.get(job):
                del self._open[job]
                continue
            # A number has at most 18 digits and a comma.
            size += 1024 + 19 * len(pids or ())
            if batch and size > MAX_BYTES:
                break
            batch[job] = pids
            if len(batch) == MAX_OPERATIONS:
                break
        self._unsure.update(batch)
        return batch

    def _pids(self, job: JobName) -> frozenset[int] | None:
        pids = self._truth(job)
        return None if pids is None else frozenset(pids)

    def operations(self, batch: Batch) -> list[Body]:
        """A batch in the words of etcd."""
        return [self._operation(job, pids) for job, pids in batch.items()]

    def _operation(self, job: JobName, pids: frozenset[int] | None) -> Body:
        key = self._keys.job(self._lease, job)
        return delete(key) if pids is None else put(key, pids_value(pids), self._lease)

    def settled(self, batch: Batch) -> None:
        """A batch has been told. What has become of its jobs meanwhile is still to be."""
        self._unsure.difference_update(batch)
        for job, pids in batch.items():
            if pids is None:
                self._told.pop(job, None)
            else:
                self._told[job] = pids
