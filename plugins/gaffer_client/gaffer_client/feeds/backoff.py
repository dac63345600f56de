"""How long to wait before the next try, and when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = 0.1
"""Seconds, about, before the first try again."""
MAX_DELAY = 5.0
"""Seconds between two tries at the most."""
STEADY = 1.0
"""Seconds that a connection has to last before a loss counts as the first one again."""

RECONNECT_TIMEOUT = 60.0
"""Seconds without a connection, if nobody says otherwise."""


class Backoff:
    """The tries of one feed to come back.

    Args:
        reconnect_timeout: seconds after the first failure until it gives up.
        rand: a number from 0 to 1, so that many clients do not come back at once.
    """

    def __init__(self, reconnect_timeout: float, rand: Callable[[], float] = random.random) -> None:
        self._reconnect_timeout = reconnect_timeout
        self._rand = rand
        self._failures = 0
        self._since: float | None = None
        self._connected: float | None = None

    def connected(self, now: float) -> None:
        """A connection is there."""
        self._connected = now

    def next_delay(self, now: float) -> float | None:
        """Seconds until the next try; None to give up. Times are monotonic, in seconds."""
        if self._connected is not None and now - self._connected >= STEADY:
            self.reset()
        self._connected = None
        if self._since is None:
            self._since = now
        self._failures += 1
        left = self._reconnect_timeout - (now - self._since)
        if left <= 0:
            return None
        delay = min(MAX_DELAY, FIRST * 2.0 ** min(self._failures - 1, 10))
        return min(left, delay * (0.5 + 0.5 * self._rand()))

    def reset(self) -> None:
        """Something came over the connection: the next failure is the first one."""
        self._failures = 0
        self._since = None
