"""The one task that measures while there are watches, and the watches that get its samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Generic, TypeVar, cast

import trio

from gaffer_stats.plan import Measured, Result, Subject, is_finished, make_plan

INTERVAL = 0.1
"""Seconds from one pass to the next."""

MAX_PENDING = 10
"""Samples kept for a watcher that does not fetch them."""

T = TypeVar("T")


class Watch(Generic[T]):
    """An asynchronous iterator over the samples of a job, a process or all jobs.

    It ends when there will be no further sample: the process has exited, the job was unloaded, or
    the plugin closes. Cancelling the wait for the next sample loses nothing.

    Attributes:
        subject: what is watched.
        dropped: the number of samples lost, the oldest first, because they were not fetched.
        primed: whether the subject was part of the previous pass, so that the next one can
            calculate the use of the processor since then.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.dropped = 0
        self.primed = False
        self._pending: deque[T] = deque(maxlen=MAX_PENDING)
        self._ended = False
        self._changes = trio.lowlevel.ParkingLot()

    def put(self, result: Result) -> None:
        """Add a sample. Never blocks."""
        self.dropped += len(self._pending) == MAX_PENDING
        self._pending.append(cast(T, result))
        self._changes.unpark_all()

    def end(self) -> None:
        """End the iteration after the pending samples."""
        self._ended = True
        self._changes.unpark_all()

    def __aiter__(self) -> Watch[T]:
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._pending:
            if self._ended:
                raise StopAsyncIteration
            await self._changes.park()
        return self._pending.popleft()


class Sampler:
    """Measure everything that is watched, in one pass each interval; sleep without watches.

    Args:
        measure: measures the processes with these os pids.
        interval: seconds.
    """

    def __init__(
        self,
        measure: Callable[[list[int]], Awaitable[Measured]],
        interval: float = INTERVAL,
    ) -> None:
        self._measure = measure
        self._interval = interval
        self._due = -inf
        self._watches: set[Watch[Result]] = set()
        self._watched = trio.Event()
        self._unwatched = trio.Event()
        self._closed = False

    @contextmanager
    def watching(self, watch: Watch[Result]) -> Iterator[None]:
        """Give a watch samples while the block lasts."""
        if self._closed:
            watch.end()
        self._watches.add(watch)
        if not self._watched.is_set():
            self._unwatched = trio.Event()
            self._watched.set()
        try:
            yield
        finally:
            self._watches.remove(watch)
            if not self._watches:
                self._watched = trio.Event()
                self._unwatched.set()

    async def run(self) -> None:
        """Measure while there are watches, until cancelled; then end all watches."""
        try:
            while True:
                await self._watched.wait()
                with trio.CancelScope(deadline=self._due) as until_due:
                    await self._unwatched.wait()
                if until_due.cancelled_caught and self._watches:
                    await self._run_pass()
        finally:
            self._closed = True
            for watch in self._watches:
                watch.end()

    async def _run_pass(self) -> None:
        began = trio.current_time()
        watchers: dict[Subject, list[Watch[Result]]] = {}
        for watch in self._watches:
            watchers.setdefault(watch.subject, []).append(watch)
        plans = {subject: make_plan(subject) for subject in watchers}
        running = {
            process.os_pid
            for plan in plans.values()
            for process in plan.processes
            if process.active
        }
        measured = await self._measure(sorted(running))
        for subject, watches in watchers.items():
            self._deliver(watches, plans[subject].make_result(measured))
        # A pass over thousands of processes takes long and holds the interpreter's lock: leave
        # half of the time to other threads.
        self._due = began + max(self._interval, 2 * (trio.current_time() - began))

    def _deliver(self, watches: list[Watch[Result]], result: Result) -> None:
        for watch in watches:
            if watch.primed:
                watch.put(result)
            watch.primed = True
            if is_finished(watch.subject):
                watch.end()
