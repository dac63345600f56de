"""A probe of scheduling latency: it counts how often an idle task is scheduled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class LatencyProbe:
    """Counts how often it is scheduled."""

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        """Count until cancelled."""
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
