"""What goes to one client: one message at a time, answers first, then each topic in its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio

FULL = 64 * 1024
"""Characters of answers that may wait before nothing more is read from the client."""


class _Turn(NamedTuple):
    message: str
    over: trio.Event


class Outbox:
    """Sends to one client.

    A topic has one message here at the most, the rest waits at its source, where the oldest is
    dropped; so a client that is slow costs little, and each topic gets as many turns as any other.

    Args:
        send: sends a message; not called again before it is done.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._answers: deque[str] = deque()
        self._length = 0
        # A dictionary, because it keeps the order.
        self._turns: dict[object, _Turn] = {}
        self._news = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()

    def answer(self, message: str) -> None:
        """Have an answer sent before whatever a topic tells from now on. Never blocks."""
        self._answers.append(message)
        self._length += len(message)
        self._news.unpark_all()

    async def wait_room(self) -> None:
        """Wait until there are not too many answers waiting."""
        while self._length > FULL:
            await self._room.park()

    async def tell(self, topic: object, message: str) -> None:
        """Have a message of a topic sent in its turn, and wait for that."""
        turn = self._turns[topic] = _Turn(message, trio.Event())
        self._news.unpark_all()
        await turn.over.wait()

    def forget(self, topic: object) -> None:
        """Send nothing more of a topic."""
        self._turns.pop(topic, None)

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            while not (self._answers or self._turns):
                await self._news.park()
            # Not those that come meanwhile: a client may ask without a pause.
            for _ in range(len(self._answers)):
                await self._send_answer()
            if self._turns:
                await self._take_turn()

    async def _send_answer(self) -> None:
        message = self._answers.popleft()
        await self._send(message)
        self._length -= len(message)
        self._room.unpark_all()

    async def _take_turn(self) -> None:
        topic = next(iter(self._turns))
        turn = self._turns.pop(topic)
        await self._send(turn.message)
        turn.over.set()
