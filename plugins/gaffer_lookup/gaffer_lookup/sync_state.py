"""The jobs whose changes a peer has not been sent yet.

This is no queue of events but the difference of two states: what the peer was sent, and what runs
now. However long the peer is away, the difference is never larger than the jobs and processes that
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from gaffer_kernel import JobName

GetPids = Callable[[JobName], Set[int] | None]
"""Return the pids of a job; None if there is no such job."""


class SyncState:
    """Records what one peer was sent. Subclasses decide how they send it.

    Args:
        get_pids: returns what runs now.
        jobs: all jobs.
    """

    def __init__(self, get_pids: GetPids, jobs: Iterable[JobName] = ()) -> None:
        self._get_pids = get_pids
        self._sent: dict[JobName, Set[int]] = {}
        # A dictionary as an ordered set.
        self._pending: dict[JobName, None] = dict.fromkeys(jobs)

    def mark_changed(self, job: JobName) -> None:
        """Mark a job whose state may have changed."""
        if self._may_be_known(job) or self._get_pids(job) is not None:
            self._pending[job] = None
        else:
            # Created and deleted before it was sent. Names that are used once must not pile up.
            self._pending.pop(job, None)

    def mark_all_changed(self, jobs: Iterable[JobName]) -> None:
        """Mark every job, also those that the peer was sent and that are gone.

        Args:
            jobs: all jobs.
        """
        self._pending |= dict.fromkeys((*self._sent, *jobs))

    def _may_be_known(self, job: JobName) -> bool:
        return job in self._sent
