"""One epoll for every pipe and pidfd of every child, waited on by one task.

With a task for each pipe, a thousand idle children would cost three thousand tasks. With one epoll
they cost no task, no timer and no wake-up, a spawn costs three system calls, and the bytes read in
one turn are counted in one place.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf

import trio

from gaffer_kernel.checkpoints import let_others_run
from gaffer_kernel.linux.shortage import RETRY_INTERVAL, ShortageLog, is_shortage

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
        self._unregistered: set[int] = set()
        self._shortage = ShortageLog()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._sleeping: trio.CancelScope | None = None

    def add(self, fd: int, handler: Handler) -> None:
        """Watch a descriptor until `remove`; in a shortage of watches, as soon as it is over."""
        self._handlers[fd] = handler
        self._register(fd, handler)

    def _register(self, fd: int, handler: Handler) -> None:
        self._unregistered.discard(fd)
        if self._handlers.get(fd) is not handler:
            return
        try:
            self._epoll.register(fd, select.EPOLLIN)
        except OSError as error:
            # ENOSPC: the user has max_user_watches descriptors in epolls.
            self._wait_out(error, "cannot watch a process")
            self._unregistered.add(fd)
            self.call_at(self._retry_at(), partial(self._register, fd, handler))

    def _wait_out(self, error: OSError | MemoryError, what: str) -> None:
        if not is_shortage(error):
            raise error
        self._shortage.report(what, error)

    def _retry_at(self) -> float:
        return trio.current_time() + RETRY_INTERVAL

    def remove(self, fd: int) -> None:
        """Stop watching a descriptor; required before it is closed."""
        del self._handlers[fd]
        if fd in self._unregistered:
            self._unregistered.remove(fd)
        else:
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
            try:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            except OSError as error:
                self._wait_out(error, "cannot wait for processes")
                await trio.sleep(RETRY_INTERVAL)
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
            try:
                size = handler()
            except (OSError, MemoryError) as error:
                self._wait_out(error, "cannot read the output of a process")
                self._pause([fd], RETRY_INTERVAL)
                continue
            spent += size
            if size >= FLOOD:
                floods.append(fd)
            if spent >= TURN_SIZE:
                spent = 0
                await let_others_run()
        if len(floods) > FREE_FLOODS:
            # Reading fifty floods at full speed left no CPU time for other tasks: the API answered
            # in a second instead of in milliseconds.
            self._pause(floods, min(MAX_PAUSE, PAUSE * len(floods)))

    def _pause(self, fds: list[int], seconds: float) -> None:
        """Stop reading for a moment: the pipes fill, and the writers block."""
        paused = {fd: self._handlers[fd] for fd in fds if fd in self._handlers}
        for fd in paused:
            self._epoll.modify(fd, 0)
        self.call_at(trio.current_time() + seconds, lambda: self._resume(paused))

    def _resume(self, paused: dict[int, Handler]) -> None:
        for fd, handler in paused.items():
            if self._handlers.get(fd) == handler:
                self._epoll.modify(fd, select.EPOLLIN)
