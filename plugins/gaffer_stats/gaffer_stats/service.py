"""The service: what code in gafferd, or around an embedded kernel, asks for samples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, overload

import trio
from gaffer_kernel import Job, JobName, Kernel, Manager, Process

from gaffer_stats.plan import Measured, Result, Subject, frame_of
from gaffer_stats.redaction import shown_to
from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.sampler import INTERVAL, Sampler, Watch

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller


class Stats:
    """What `kernel.services["stats"]` is. However many ask, each process is measured once.

    Args:
        manager: whose jobs and processes.
        sampler: who measures.
    """

    def __init__(self, manager: Manager, sampler: Sampler) -> None:
        self._manager = manager
        self._sampler = sampler

    @overload
    def watch(self, subject: Process) -> AbstractAsyncContextManager[Watch[Sample]]: ...
    @overload
    def watch(self, subject: Job) -> AbstractAsyncContextManager[Watch[JobStats]]: ...
    @overload
    def watch(
        self, subject: Manager
    ) -> AbstractAsyncContextManager[Watch[tuple[JobStats, ...]]]: ...
    def watch(self, subject: Subject) -> AbstractAsyncContextManager[Any]:
        """Follow a process, a job or, given the manager, all jobs: ten samples a second.

        The first one comes after the first tenth of a second, as it takes two measurings to tell
        the use of the processor. Processes that a job starts later are followed too. A watcher who
        does not fetch them loses the oldest, and sees in `dropped` how many. Fewer come when a
        measuring takes longer than half an interval.

        Args:
            subject: what to follow.
        """
        return self._watch(subject)

    @asynccontextmanager
    async def _watch(self, subject: Subject) -> AsyncIterator[Watch[Any]]:
        watch: Watch[Result] = Watch(subject)
        with self._sampler.watching(watch):
            yield watch

    @overload
    async def sample(self, subject: Process) -> Sample: ...
    @overload
    async def sample(self, subject: Job) -> JobStats: ...
    @overload
    async def sample(self, subject: Manager) -> tuple[JobStats, ...]: ...
    async def sample(self, subject: Subject) -> Any:
        """A sample of a process, a job or, given the manager, all jobs.

        It comes after a tenth of a second; of processes that have ended by then it has Nones.

        Args:
            subject: what to measure.
        """
        async with self._watch(subject) as samples:
            async for sample in samples:
                return sample
        return frame_of(subject).result({})

    async def job(self, name: str | JobName) -> JobStats:
        """A sample of the processes of a job.

        Raises:
            NotFound: there is no such job.
            InvalidField: that is no name.
        """
        return await self.sample(self._manager.get(name))

    async def process(self, pid: int) -> Sample:
        """A sample of a process.

        Args:
            pid: gaffer's own number of it.

        Raises:
            NotFound: there is no such process.
        """
        return await self.sample(self._manager.process(pid))

    async def all(self) -> tuple[JobStats, ...]:
        """A sample of the processes of all jobs."""
        return await self.sample(self._manager)

    def shown(self, caller: Caller, result: Sample | JobStats) -> Sample | JobStats:
        """A sample as somebody who may read it is told it: see gaffer_stats.redaction.

        Args:
            caller: of gaffer-http.
            result: of a process or a job.
        """
        return shown_to(caller, result)


def in_thread() -> Callable[[list[int]], Awaitable[Measured]]:
    """A function that measures in a thread, one pass at a time."""
    from gaffer_stats.measure import Meter

    meter = Meter()
    limiter = trio.CapacityLimiter(1)

    async def measure(os_pids: list[int]) -> Measured:
        # Reading /proc can hang for as long as a process hangs in the system. The plugin closes
        # nevertheless: such a pass is left to itself.
        return await trio.to_thread.run_sync(
            meter.measure, os_pids, abandon_on_cancel=True, limiter=limiter
        )

    return measure


@asynccontextmanager
async def open_stats(kernel: Kernel) -> AsyncIterator[Stats]:
    """Offer samples as long as the block lasts."""
    sampler = Sampler(in_thread(), INTERVAL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sampler.run, name="sampler")
        yield Stats(kernel.manager, sampler)
        nursery.cancel_scope.cancel()
