"""One epoll for every pipe and pidfd of every child, waited on by one task.

Not a task for each pipe: a thousand quiet children cost no task, no timer and no wake-up, a spawn
costs three system calls instead of three tasks, and the bytes read in a turn are counted in one
place.
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
"""Called when its descriptor is ready; returns how many bytes it read."""

READ = 256 * 1024
"""Bytes read from one descriptor at a time."""
TURN = 1024 * 1024
"""Bytes read before other tasks get their turn."""
FLOOD = 64 * 1024
"""Bytes in one turn from which on a descriptor counts as flooding."""
FREE_FLOODS = 2
"""So many floods at once are read at full speed."""
REST = 0.004
MAX_REST = 0.2


class Poller:
    """Calls a handler when its descriptor is ready, and functions when their time has come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._sleeping: trio.CancelScope | None = None
        # Read into again and again: a new object for each read costs more than the reading. Who is
        # handed a part of it copies what is to be kept before the next read.
        self.buffer = memoryview(bytearray(READ))

    def add(self, fd: int, handler: Handler) -> None:
        """Watch a descriptor until `remove`."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Stop watching; to be called before the descriptor is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def call_at(self, when: float, function: Callable[[], None]) -> None:
        """Call a function once, at a time of the monotonic clock."""
        heappush(self._timers, (when, next(self._order), function))
        if self._sleeping is not None:
            self._sleeping.deadline = min(self._sleeping.deadline, when)

    def close(self) -> None:
        """Give the epoll descriptor back."""
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
            if spent >= TURN:
                spent = 0
                await let_others_run()
        if len(floods) > FREE_FLOODS:
            self._rest(floods)

    def _rest(self, floods: list[int]) -> None:
        """Leave floods alone for a moment: their pipes fill, and the writers wait.

        Reading fifty floods as fast as they come took the processor from everybody else: the API
        answered in a second instead of in milliseconds.
        """
        resting = {fd: self._handlers[fd] for fd in floods if fd in self._handlers}
        for fd in resting:
            self._epoll.modify(fd, 0)
        pause = min(MAX_REST, REST * len(floods))
        self.call_at(trio.current_time() + pause, lambda: self._wake(resting))

    def _wake(self, resting: dict[int, Handler]) -> None:
        for fd, handler in resting.items():
            if self._handlers.get(fd) == handler:
                self._epoll.modify(fd, select.EPOLLIN)
