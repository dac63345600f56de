"""Input budgets: however much clients send, each scheduler pass parses little of it.

Frames of a few bytes are cheap to send and expensive to parse. Other tasks wait for the bytes that
all connections together parse between two scheduler passes, so that number is limited.
"""

from __future__ import annotations

from math import inf

import trio

ADMITTED_PER_PASS = 2048
"""Bytes that all connections with an admitted request may have parsed in one scheduler pass."""

PENDING_PER_PASS = 512
"""The same for all other connections."""

REQUEST_COST = 128
"""Bytes that a request costs in addition, unless it is the owner's.

With HPACK a request is 14 bytes, and takes as long to refuse as one of a kilobyte.
"""

PENDING_BURST = 16 * 1024
"""Bytes that a connection may send at once before a request is admitted: the longest header."""

PENDING_PER_SECOND = 1024
"""Bytes a second that a connection may send after that, while no request is admitted."""

MAX_BULK = 64 * 1024
"""Bytes to read at a time of content that is not parsed."""

BULK_DISCOUNT = 32
"""Bytes of such content that cost as much as one that is parsed."""

STREAM_COST = 256
"""Bytes of input that cost as much to parse as opening an HTTP/2 stream."""


class InputBudget:
    """Bytes that many connections may have parsed in one scheduler pass; first come, first served.

    Args:
        per_pass: how many.
    """

    def __init__(self, per_pass: int) -> None:
        self.per_pass = per_pass
        self._left = per_pass
        self._waiting: dict[trio.Event, int] = {}
        self._wanted = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        """Grant bytes to the waiting connections, in each scheduler pass."""
        while True:
            if not self._waiting:
                await self._wanted.park()
            await trio.lowlevel.checkpoint()
            self._left = min(self._left, 0) + self.per_pass
            while self._waiting and self._left > 0:
                granted = next(iter(self._waiting))
                self._left -= self._waiting.pop(granted)
                granted.set()

    async def spend(self, size: int) -> None:
        """Wait until the budget of this pass has room for input. No checkpoint if it has room now.

        Args:
            size: the bytes of the input; later passes pay for the excess.
        """
        if self._left > 0 and not self._waiting:
            self._left -= size
            return
        granted = trio.Event()
        self._waiting[granted] = size
        self._wanted.unpark()
        try:
            await granted.wait()
        finally:
            self._waiting.pop(granted, None)


class Budgets:
    """The budgets of one server.

    The owner has budgets of their own, and so does not wait behind the input of others.
    """

    def __init__(self) -> None:
        self.admitted = InputBudget(ADMITTED_PER_PASS)
        self.pending = InputBudget(PENDING_PER_PASS)
        self.owner_admitted = InputBudget(ADMITTED_PER_PASS)
        self.owner_pending = InputBudget(PENDING_PER_PASS)

    async def run(self) -> None:
        """Grant bytes of each budget, until cancelled."""
        async with trio.open_nursery() as nursery:
            for each in (self.admitted, self.pending, self.owner_admitted, self.owner_pending):
                nursery.start_soon(each.run)


class Allowance:
    """The input of one connection: the shared budgets, and its own rate before it is admitted.

    It delays input and never closes the connection: the idle timeout is up to Connection.

    Args:
        budgets: of the server.
        is_owner: whether the connection is the owner's.

    Attributes:
        admitted: whether a request on this connection has been admitted.
    """

    def __init__(self, budgets: Budgets, *, is_owner: bool = False) -> None:
        self.admitted = False
        self._is_owner = is_owner
        self._budgets = budgets
        self._left: float = PENDING_BURST
        self._since = -inf

    def max_read(self, bulk: int = 0) -> int:
        """Return the maximum number of bytes to read at a time.

        Args:
            bulk: how many of the next bytes are content that is not parsed.
        """
        per_pass = self._budget.per_pass
        return max(per_pass, min(bulk, MAX_BULK)) if self.admitted else per_pass

    @property
    def _budget(self) -> InputBudget:
        if self._is_owner:
            return self._budgets.owner_admitted if self.admitted else self._budgets.owner_pending
        return self._budgets.admitted if self.admitted else self._budgets.pending

    def admit(self) -> None:
        """Lift the limits for connections without an admitted request."""
        self.admitted = True

    async def spend(self, size: int, bulk: int = 0) -> None:
        """Wait until some bytes of input may be parsed.

        Args:
            size: how many.
            bulk: how many of the next bytes are content that is not parsed.
        """
        if not self.admitted:
            await self._slow_down(size)
        elif size <= bulk:
            size //= BULK_DISCOUNT
        await self._budget.spend(size)

    async def open_stream(self) -> None:
        """Wait until a request may start that arrived with others in one piece of input."""
        await self._budget.spend(STREAM_COST)

    async def request(self) -> None:
        """Wait until a request may be processed, however few bytes it has."""
        if not self._is_owner:
            await self.spend(REQUEST_COST)

    async def handshake(self) -> None:
        """Wait until a piece of a TLS handshake may be processed: one costs a whole pass."""
        await self._budget.spend(PENDING_PER_PASS)

    async def _slow_down(self, size: int) -> None:
        now = trio.current_time()
        if self._left < PENDING_BURST:
            earned = (now - self._since) * PENDING_PER_SECOND
            self._left = min(PENDING_BURST, self._left + earned)
        self._left -= size
        self._since = now
        if self._left < 0:
            await trio.sleep(-self._left / PENDING_PER_SECOND)
