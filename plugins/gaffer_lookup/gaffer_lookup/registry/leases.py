"""Leases of nodes connected to this lookupd. All last equally long: first begun, first to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")

STALL_THRESHOLD = 1.0
"""Seconds by which the timer is late when this process was stopped or the machine suspended."""


class Leases(Generic[T]):
    """Leases on trio's monotonic clock.

    Args:
        seconds: the time to live after a lease was begun or renewed.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # In the order of their deadlines.
        self._ends: dict[T, float] = {}
        self._first = trio.Event()

    def renew(self, holder: T) -> None:
        """Begin the lease of a holder, or begin it again."""
        self._ends.pop(holder, None)
        self._ends[holder] = trio.current_time() + self.seconds
        self._first.set()

    def drop(self, holder: T) -> None:
        """Remove the lease of a holder, if there is one."""
        self._ends.pop(holder, None)

    async def run(self, expired: Callable[[T], object]) -> None:
        """Report each lease that expires, until cancelled.

        After this process was stopped or the machine suspended, messages that arrived meanwhile
        are still unread in the sockets, so no lease expires for another third of its length.

        Args:
            expired: called with the holder, after its lease is removed.
        """
        while True:
            while not self._ends:
                self._first = trio.Event()
                await self._first.wait()
            end = next(iter(self._ends.values()))
            await trio.sleep_until(end)
            if trio.current_time() - end > STALL_THRESHOLD:
                await trio.sleep(self.seconds / 3)
            self._expire(expired)

    def _expire(self, expired: Callable[[T], object]) -> None:
        now = trio.current_time()
        for holder, end in list(self._ends.items()):
            if end > now:
                break
            del self._ends[holder]
            expired(holder)
