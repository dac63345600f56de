"""One epoll for every pipe and pidfd of every child, waited on by one task.

With a task for each pipe, a thousand idle children would cost three thousand tasks. With one epoll
they cost no task, no timer and no wake-up, a spawn costs three system calls, and the bytes read in
one turn are counted in one place.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf

import trio

from gaffer_kernel.checkpoints import let_others_run

Handler = Callable[[], int]
"""Called when its descriptor is readable; returns how many bytes it read."""

READ_SIZE = 256 * 1024
"""Bytes read from one descriptor at a time."""
TURN_SIZE = 1024 * 1024
"""Bytes read before other tasks run."""
FLOOD = 64 * 1024
"""Bytes in one turn from which on a descriptor counts as flooding."""
FREE_FLOODS = 2
"""Floods at the same time that are read at full speed."""
PAUSE = 0.004
"""Seconds for each flood that all floods are paused."""
MAX_PAUSE = 0.2


class Poller:
    """Calls a handler when its descriptor is readable, and functions at given times.

    Attributes:
        buffer: shared by all handlers, because a new object for each read costs more than the read.
            A handler that keeps a part of it copies that part before the next read.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ_SIZE))
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._sleeping: trio.CancelScope | None = None

    def add(self, fd: int, handler: Handler) -> None:
        """Watch a descriptor until `remove`."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Stop watching a descriptor; required before it is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def call_at(self, when: float, function: Callable[[], None]) -> None:
        """Call a function once, at a time of the monotonic clock."""
        heappush(self._timers, (when, next(self._order), function))
        if self._sleeping is not None:
            self._sleeping.deadline = min(self._sleeping.deadline, when)

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._epoll.close()

    async def run(self) -> None:
        """Serve descriptors and timers until cancelled."""
        while True:
            await self._wait()
            self._run_timers()
            await self._serve(self._epoll.poll(0))

    async def _wait(self) -> None:
        deadline = self._timers[0][0] if self._timers else inf
        with trio.CancelScope(deadline=deadline) as self._sleeping:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
        self._sleeping = None

    def _run_timers(self) -> None:
        now = trio.current_time()
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()

    async def _serve(self, ready: list[tuple[int, int]]) -> None:
        spent = 0
        floods: list[int] = []
        for fd, _ in ready:
            # An earlier handler of this turn may have closed it.
            if (handler := self._handlers.get(fd)) is None:
                continue
            size = handler()
            spent += size
            if size >= FLOOD:
                floods.append(fd)
            if spent >= TURN_SIZE:
                spent = 0
                await let_others_run()
        if len(floods) > FREE_FLOODS:
            self._pause(floods)

    def _pause(self, floods: list[int]) -> None:
        """Stop reading floods for a moment: their pipes fill, and the writers block.

        Reading fifty floods at full speed left no CPU time for other tasks: the API answered in a
        second instead of in milliseconds.
        """
        paused = {fd: self._handlers[fd] for fd in floods if fd in self._handlers}
        for fd in paused:
            self._epoll.modify(fd, 0)
        seconds = min(MAX_PAUSE, PAUSE * len(floods))
        self.call_at(trio.current_time() + seconds, lambda: self._resume(paused))

    def _resume(self, paused: dict[int, Handler]) -> None:
        for fd, handler in paused.items():
            if self._handlers.get(fd) == handler:
                self._epoll.modify(fd, select.EPOLLIN)
