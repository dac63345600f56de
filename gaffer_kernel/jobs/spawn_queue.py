"""Whose turn it is to start a process: one spawn, then everybody else runs.

A start holds up the whole program for half a millisecond or more. A hundred jobs that crash
together, each starting its successor as soon as it can, made the API wait for a second; in turns,
twenty milliseconds.
"""

from __future__ import annotations

from typing import Protocol

import trio

STEPS = 8
"""Steps that the other tasks get, if they need them, after a piece of work that held them up."""


async def let_others_run() -> None:
    """Let the tasks that are ready go on for some steps.

    One checkpoint gives each of them one step; an answer of the API takes twenty, and would have to
    wait for twenty of the pieces of work that this is called between.
    """
    for _ in range(STEPS):
        await trio.lowlevel.checkpoint()
        if not trio.lowlevel.current_statistics().tasks_runnable:
            return


class Spawner(Protocol):
    """Who asks for a turn."""

    def take_turn(self) -> None:
        """Start one process, if one is still due. May ask for the next turn."""


class SpawnQueue:
    """A queue of those that want to start a process, each in it once."""

    def __init__(self) -> None:
        self._queue: dict[Spawner, None] = {}
        self._asked = trio.Event()

    def ask(self, spawner: Spawner) -> None:
        """Join the queue, if not in it already."""
        self._queue[spawner] = None
        self._asked.set()

    async def run(self) -> None:
        """Give turns until cancelled."""
        while True:
            while self._queue:
                spawner = next(iter(self._queue))
                del self._queue[spawner]
                spawner.take_turn()
                await let_others_run()
            self._asked = trio.Event()
            await self._asked.wait()
