"""Delays between connection attempts, and when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_DELAY = 0.1
"""Seconds, about, before the first new attempt."""
MAX_DELAY = 5.0
"""Maximum seconds between two attempts."""
STEADY_AFTER = 1.0
"""Seconds that a connection has to last until its loss counts as the first failure again."""

RECONNECT_TIMEOUT = 60.0
"""Default seconds without a connection until a feed gives up."""


class Backoff:
    """Computes the delays between connection attempts of one feed.

    Args:
        reconnect_timeout: seconds after the first failure until the feed gives up.
        rand: returns a number from 0 to 1; jitter keeps many clients from reconnecting at once.
    """

    def __init__(self, reconnect_timeout: float, rand: Callable[[], float] = random.random) -> None:
        self._reconnect_timeout = reconnect_timeout
        self._rand = rand
        self._failures = 0
        self._since: float | None = None
        self._connected: float | None = None

    def connected(self, now: float) -> None:
        """Record that a connection was made. Times are monotonic, in seconds."""
        self._connected = now

    def next_delay(self, now: float) -> float | None:
        """Record a failure and return the seconds until the next attempt; None to give up."""
        if self._connected is not None and now - self._connected >= STEADY_AFTER:
            self.reset()
        self._connected = None
        if self._since is None:
            self._since = now
        self._failures += 1
        left = self._reconnect_timeout - (now - self._since)
        if left <= 0:
            return None
        delay = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(self._failures - 1, 10))
        return min(left, delay * (0.5 + 0.5 * self._rand()))

    def reset(self) -> None:
        """Forget past failures, because data was received."""
        self._failures = 0
        self._since = None
