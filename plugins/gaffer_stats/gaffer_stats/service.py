"""The service `kernel.services["stats"]`: samples for code in gafferd or an embedding program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, overload

import trio
from gaffer_kernel import Job, JobName, Kernel, Manager, Process

from gaffer_stats.plan import Measured, Result, Subject, make_plan
from gaffer_stats.redaction import redact
from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.sampler import INTERVAL, Sampler, Watch

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller


class Stats:
    """The service of the plugin. Each process is measured once, however many clients watch it.

    Args:
        manager: has the jobs and processes.
        sampler: measures them.
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
        """Watch a process, a job or, given the manager, all jobs: ten samples a second.

        The first sample comes after a tenth of a second, because the use of the processor takes two
        measurements. Processes that a job starts later are included. A watcher that does not fetch
        its samples loses the oldest; `dropped` counts them. Samples come less often when a
        measurement takes longer than half an interval.

        Args:
            subject: the process, the job or the manager.
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
        """Return a sample of a process, a job or, given the manager, all jobs.

        This takes a tenth of a second; the figures of processes that have exited by then are None.

        Args:
            subject: the process, the job or the manager.
        """
        async with self._watch(subject) as samples:
            async for sample in samples:
                return sample
        return make_plan(subject).make_result({})

    async def job(self, name: str | JobName) -> JobStats:
        """Return a sample of the processes of a job.

        Raises:
            NotFound: there is no such job.
            InvalidField: the name is invalid.
        """
        return await self.sample(self._manager.get(name))

    async def process(self, pid: int) -> Sample:
        """Return a sample of a process.

        Args:
            pid: gaffer's number of the process.

        Raises:
            NotFound: there is no such process.
        """
        return await self.sample(self._manager.process(pid))

    async def all(self) -> tuple[JobStats, ...]:
        """Return a sample of the processes of all jobs."""
        return await self.sample(self._manager)

    def redact(self, caller: Caller, result: Sample | JobStats) -> Sample | JobStats:
        """Return a sample as a caller who may read it may see it: see gaffer_stats.redaction.

        Args:
            caller: a caller of gaffer-http.
            result: the sample of a process or of a job.
        """
        return redact(caller, result)


def make_threaded_measure() -> Callable[[list[int]], Awaitable[Measured]]:
    """Make a function that measures in a thread, one pass at a time."""
    from gaffer_stats.measure import Meter

    meter = Meter()
    limiter = trio.CapacityLimiter(1)

    async def measure(os_pids: list[int]) -> Measured:
        # Reading /proc can block as long as a process is in uninterruptible sleep. The thread is
        # abandoned then, so that the plugin can close.
        return await trio.to_thread.run_sync(
            meter.measure, os_pids, abandon_on_cancel=True, limiter=limiter
        )

    return measure


@asynccontextmanager
async def open_stats(kernel: Kernel) -> AsyncIterator[Stats]:
    """Offer samples while the block lasts."""
    sampler = Sampler(make_threaded_measure(), INTERVAL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sampler.run, name="sampler")
        yield Stats(kernel.manager, sampler)
        nursery.cancel_scope.cancel()
