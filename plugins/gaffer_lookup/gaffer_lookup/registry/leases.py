"""Who has to be heard when. All leases are equally long: the first to end is the first to begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")

LATE = 1.0
"""Seconds by which we wake too late when this program itself has stood still."""


class Leases(Generic[T]):
    """Leases on a monotonic clock, that of trio.

    Args:
        seconds: how long one lasts after it was taken or renewed.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # In the order of their ends.
        self._ends: dict[T, float] = {}
        self._first = trio.Event()

    def renew(self, holder: T) -> None:
        """Begin the lease of a holder, or begin it anew."""
        self._ends.pop(holder, None)
        self._ends[holder] = trio.current_time() + self.seconds
        self._first.set()

    def drop(self, holder: T) -> None:
        """End the lease of a holder, if there is one."""
        self._ends.pop(holder, None)

    async def run(self, expired: Callable[[T], object]) -> None:
        """Tell of each lease that has ended, until cancelled.

        If this program has stood still, or the machine has slept, what was said meanwhile is still
        to be read: then nobody is judged before a third of a lease has passed.

        Args:
            expired: called with the holder; the lease is gone then.
        """
        while True:
            while not self._ends:
                self._first = trio.Event()
                await self._first.wait()
            end = next(iter(self._ends.values()))
            await trio.sleep_until(end)
            if trio.current_time() - end > LATE:
                await trio.sleep(self.seconds / 3)
            self._judge(expired)

    def _judge(self, expired: Callable[[T], object]) -> None:
        now = trio.current_time()
        for holder, end in list(self._ends.items()):
            if end > now:
                break
            del self._ends[holder]
            expired(holder)
