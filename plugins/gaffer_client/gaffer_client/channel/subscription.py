"""What is told on one topic, kept until somebody takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Self, TypeVar

import trio

from gaffer_client.channel.messages import Happened
from gaffer_client.channel.topics import Identity, Topic
from gaffer_client.errors import ClientError

WINDOW = 256 * 1024
"""Bytes that the server may tell before something of it has been taken."""

T = TypeVar("T")


class Subscription(Generic[T]):
    """A topic to loop over. One task may do so, and a cancelled wait loses nothing.

    No more than 256 KiB wait here; the rest waits at the server, which drops the oldest, and says
    so. The loop ends with the process, or with the block of the subscription.

    Attributes:
        identity: of the process that it is about, if it is about one.
        active: whether the server has said that it tells it.
        ended: whether there will be no more.
    """

    def __init__(
        self, address: str, topic: Topic[T], grant: Callable[[str, int], Awaitable[None]]
    ) -> None:
        self.topic = topic
        self.identity: Identity | None = None
        self._address = address
        self._grant = grant
        self._waiting: deque[tuple[T, int]] = deque()
        self._news = trio.Event()
        self._taken = 0
        self._error: ClientError | None = None
        self.active = False
        self.ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            self._news = trio.Event()
            await self._news.wait()
        await self._give_back()
        item, size = self._waiting.popleft()
        self._taken += size
        return item

    async def _give_back(self) -> None:
        """Grant what was taken, some of it at a time."""
        if self._taken >= WINDOW // 2 and not self.ended:
            await self._grant(self.topic.name, self._taken)
            self._taken = 0

    def credit(self) -> int:
        """What a new connection may tell at first: all that there is room for."""
        self._taken = 0
        return max(1, WINDOW - sum(size for _, size in self._waiting))

    def put(self, told: Happened) -> None:
        """Keep what was told. Never blocks."""
        if told.event == "end":
            self.end()
            return
        self._waiting.append((self.topic.read(self._address, told), told.size))
        self._news.set()

    def resumed(self) -> None:
        """Tell that a connection was lost, if something may be missing."""
        missed = self.topic.missed()
        if missed is not None:
            self._waiting.append((missed, 0))
            self._news.set()

    def end(self, error: ClientError | None = None) -> None:
        """Tell no more; what waits can still be taken, then the error is raised, if any."""
        if not self.ended:
            self._error = error
            self.ended = True
            self._news.set()
