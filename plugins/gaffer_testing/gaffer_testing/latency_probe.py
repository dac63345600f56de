"""An idle task that counts how often the scheduler runs it, to find code that blocks others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class LatencyProbe:
    """A task that only yields to the scheduler.

    Attributes:
        turns: how often the scheduler has run it.
    """

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        """Count turns until cancelled."""
        while True:
            await trio.lowlevel.checkpoint()
            self.turns += 1


@asynccontextmanager
async def run_latency_probe() -> AsyncIterator[LatencyProbe]:
    """Run a probe during the block."""
    async with trio.open_nursery() as nursery:
        probe = LatencyProbe()
        nursery.start_soon(probe.run)
        yield probe
        nursery.cancel_scope.cancel()
