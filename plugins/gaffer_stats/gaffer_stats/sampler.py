"""The one task that measures, as long as somebody watches, and those who do."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Generic, TypeVar, cast

import trio

from gaffer_stats.plan import Measured, Result, Subject, frame_of, is_over

INTERVAL = 0.1
"""Seconds from one pass to the next."""

PENDING = 10
"""Samples kept for a watcher who does not fetch them."""

T = TypeVar("T")


class Watch(Generic[T]):
    """An asynchronous iterator over the samples of a job, a process or all jobs.

    It ends when there will never be another one: the process has ended, the job was unloaded, or
    the plugin closes. Waiting for the next one can be cancelled and loses nothing.

    Attributes:
        subject: what is watched.
        dropped: how many samples were lost, the oldest first, because they were not fetched.
        primed: it was there in the pass before, so that the next one can tell the use since then.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.dropped = 0
        self.primed = False
        self._pending: deque[T] = deque(maxlen=PENDING)
        self._over = False
        self._news = trio.lowlevel.ParkingLot()

    def put(self, result: Result) -> None:
        """Hand over a sample. Never blocks."""
        self.dropped += len(self._pending) == PENDING
        self._pending.append(cast(T, result))
        self._news.unpark_all()

    def end(self) -> None:
        """Hand over what is pending, and no more."""
        self._over = True
        self._news.unpark_all()

    def __aiter__(self) -> Watch[T]:
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._pending:
            if self._over:
                raise StopAsyncIteration
            await self._news.park()
        return self._pending.popleft()


class Sampler:
    """Measures everything that is watched, in one pass each interval; nothing when nothing is.

    Args:
        measure: given os pids, measures these processes.
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
        self._left = trio.Event()
        self._closed = False

    @contextmanager
    def watching(self, watch: Watch[Result]) -> Iterator[None]:
        """Let a watcher have samples as long as the block lasts."""
        if self._closed:
            watch.end()
        self._watches.add(watch)
        if not self._watched.is_set():
            self._left = trio.Event()
            self._watched.set()
        try:
            yield
        finally:
            self._watches.remove(watch)
            if not self._watches:
                self._watched = trio.Event()
                self._left.set()

    async def run(self) -> None:
        """Measure while somebody watches, until cancelled; all watches end with it."""
        try:
            while True:
                await self._watched.wait()
                with trio.CancelScope(deadline=self._due) as until_due:
                    await self._left.wait()
                if until_due.cancelled_caught and self._watches:
                    await self._pass()
        finally:
            self._closed = True
            for watch in self._watches:
                watch.end()

    async def _pass(self) -> None:
        began = trio.current_time()
        watchers: dict[Subject, list[Watch[Result]]] = {}
        for watch in self._watches:
            watchers.setdefault(watch.subject, []).append(watch)
        frames = {subject: frame_of(subject) for subject in watchers}
        running = {
            process.os_pid
            for frame in frames.values()
            for process in frame.processes
            if process.active
        }
        measured = await self._measure(sorted(running))
        for subject, watches in watchers.items():
            self._deliver(watches, frames[subject].result(measured))
        # A pass over thousands of processes takes long, and the interpreter's lock: half the time
        # belongs to the others.
        self._due = began + max(self._interval, 2 * (trio.current_time() - began))

    def _deliver(self, watches: list[Watch[Result]], result: Result) -> None:
        for watch in watches:
            if watch.primed:
                watch.put(result)
            watch.primed = True
            if is_over(watch.subject):
                watch.end()
