"""Outgoing messages to one client: one at a time, answers first, then each topic in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio

MAX_ANSWERS = 64 * 1024
"""Characters of waiting answers above which the client's messages are not read."""


class _Turn(NamedTuple):
    message: str
    over: trio.Event


class Outbox:
    """Sends to one client.

    A topic has at most one message here. The others wait at their source, where the oldest is
    dropped: so a slow client costs little, and each topic gets as many turns as any other.

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
        """Queue an answer before all further messages of topics. Never blocks."""
        self._answers.append(message)
        self._length += len(message)
        self._news.unpark_all()

    async def wait_room(self) -> None:
        """Wait until the waiting answers are below the limit."""
        while self._length > MAX_ANSWERS:
            await self._room.park()

    async def send_in_turn(self, topic: object, message: str) -> None:
        """Send a message of a topic when it is its turn, and wait for that."""
        turn = self._turns[topic] = _Turn(message, trio.Event())
        self._news.unpark_all()
        await turn.over.wait()

    def forget(self, topic: object) -> None:
        """Drop the waiting message of a topic."""
        self._turns.pop(topic, None)

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            while not (self._answers or self._turns):
                await self._news.park()
            # Not those that are added meanwhile: a client may send commands without a pause.
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
