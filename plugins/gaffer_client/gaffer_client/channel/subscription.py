"""The values of one topic, buffered until a task takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Self, TypeVar

import trio

from gaffer_client.channel.messages import TopicEvent
from gaffer_client.channel.topics import Identity, Topic
from gaffer_client.errors import ClientError

WINDOW = 256 * 1024
"""Bytes that the server may send before the client takes some of them."""

T = TypeVar("T")


class Subscription(Generic[T]):
    """A topic to iterate over. One task may do so; a cancelled wait loses nothing.

    At most 256 KiB are buffered here; the rest waits at the server, which drops the oldest values
    and reports how many. The iteration ends at the exit of the process, or when the context manager
    of the subscription is left.

    Attributes:
        identity: the identity of the process, if the topic belongs to one.
        active: whether the server has confirmed the subscription.
        ended: whether there will be no more values.
    """

    def __init__(
        self, address: str, topic: Topic[T], grant: Callable[[str, int], Awaitable[None]]
    ) -> None:
        self.topic = topic
        self.identity: Identity | None = None
        self._address = address
        self._grant = grant
        self._buffer: deque[tuple[T, int]] = deque()
        self._changed = trio.Event()
        self._taken = 0
        self._error: ClientError | None = None
        self.active = False
        self.ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        await trio.lowlevel.checkpoint()
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            self._changed = trio.Event()
            await self._changed.wait()
        await self._grant_taken()
        item, size = self._buffer.popleft()
        self._taken += size
        return item

    async def _grant_taken(self) -> None:
        # In portions of half a window, so that not every value costs a message.
        if self._taken >= WINDOW // 2 and not self.ended:
            await self._grant(self.topic.name, self._taken)
            self._taken = 0

    def reset_credit(self) -> int:
        """Return the credit for a new connection: all free bytes of the buffer."""
        self._taken = 0
        return max(1, WINDOW - sum(size for _, size in self._buffer))

    def put(self, message: TopicEvent) -> None:
        """Add a value to the buffer. Never blocks."""
        if message.event == "end":
            self.end()
            return
        self._buffer.append((self.topic.parse(self._address, message), message.size))
        self._changed.set()

    def mark_resumed(self) -> None:
        """Add a gap to the buffer, if values may be missing after a lost connection."""
        gap = self.topic.make_gap()
        if gap is not None:
            self._buffer.append((gap, 0))
            self._changed.set()

    def end(self, error: ClientError | None = None) -> None:
        """End the subscription. Buffered values can still be taken; then the error is raised."""
        if not self.ended:
            self._error = error
            self.ended = True
            self._changed.set()
