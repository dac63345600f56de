"""The queue of jobs that have a process to spawn: one spawn at a time, other tasks in between.

A spawn holds up the whole program for half a millisecond or more. When a hundred jobs crashed
together and each spawned its successor at once, an HTTP request waited for a second. With the
queue it waits twenty milliseconds.
"""

from __future__ import annotations

from typing import Protocol

import trio

from gaffer_kernel.checkpoints import let_others_run


class Spawner(Protocol):
    """A job in the queue."""

    def spawn_next(self) -> None:
        """Spawn one process, if one is still due. May enqueue the job again."""


class SpawnQueue:
    """The jobs that have a process to spawn, first in, first out, each in the queue once."""

    def __init__(self) -> None:
        self._queue: dict[Spawner, None] = {}
        self._filled = trio.Event()
        self._emptied = trio.lowlevel.ParkingLot()

    def enqueue(self, spawner: Spawner) -> None:
        """Add a job to the end of the queue, unless it is in the queue already."""
        self._queue[spawner] = None
        self._filled.set()

    async def run(self) -> None:
        """Spawn for one job after the other until cancelled."""
        while True:
            while self._queue:
                spawner = next(iter(self._queue))
                del self._queue[spawner]
                spawner.spawn_next()
                await let_others_run()
            self._filled = trio.Event()
            self._emptied.unpark_all()
            await self._filled.wait()

    async def wait_empty(self) -> None:
        """Wait until no job has a process to spawn."""
        await trio.lowlevel.checkpoint()
        while self._queue:
            await self._emptied.park()
