"""A task that has nothing to do: how often does it get its turn?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Bystander:
    """Counts its turns."""

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        """Take each turn there is."""
        while True:
            await trio.lowlevel.checkpoint()
            self.turns += 1


@asynccontextmanager
async def bystanding() -> AsyncIterator[Bystander]:
    """Count the turns of others as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        bystander = Bystander()
        nursery.start_soon(bystander.run)
        yield bystander
        nursery.cancel_scope.cancel()
