"""The jobs of which somebody has to be told something.

Not a queue of events but the difference of two states, what he was told and what is true: however
long he is away, there is never more to tell than there are jobs and processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from gaffer_kernel import JobName

Truth = Callable[[JobName], Set[int] | None]
"""The pids of a job; None if there is no such job."""


class Untold:
    """The account of what one other side knows; how it is told is for those who build on this.

    Args:
        truth: what is true of a job, at this moment.
        jobs: all that there are.
    """

    def __init__(self, truth: Truth, jobs: Iterable[JobName] = ()) -> None:
        self._truth = truth
        self._told: dict[JobName, Set[int]] = {}
        # A dictionary, because it keeps the order.
        self._open: dict[JobName, None] = dict.fromkeys(jobs)

    def touch(self, job: JobName) -> None:
        """Something has become of a job."""
        if self._may_be_known(job) or self._truth(job) is not None:
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

    def _may_be_known(self, job: JobName) -> bool:
        return job in self._told
