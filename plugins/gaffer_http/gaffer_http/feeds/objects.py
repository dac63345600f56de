"""Objects of any kind in the forms of a feed, and the source of a feed of objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from gaffer_http.feeds import sse
from gaffer_http.feeds.feed import Source
from gaffer_http.feeds.forms import GAP

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SentObject(NamedTuple):
    """An object, and how many before it were lost because the client was too slow."""

    value: object
    lost: int = 0


class ObjectForms:
    """Objects that msgspec can encode. JSON lines have no way to report lost ones.

    Args:
        event: the type of the server-sent events.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._json = msgspec.json.Encoder()

    def line(self, sent: SentObject) -> bytes:
        """Return the object in a line of its own."""
        return self._json.encode(sent.value) + b"\n"

    def message(self, sent: SentObject) -> bytes:
        """Return a server-sent event, after another one that reports how many are missing."""
        gap = self._message({"lost": sent.lost}, GAP) if sent.lost else b""
        return gap + self._message(sent.value, self._event)

    def _message(self, value: object, event: str) -> bytes:
        return sse.message(self._json.encode(value).decode(), event=event)


class Objects(Protocol[T_co]):
    """An asynchronous iterator that counts the objects lost because they were not fetched in time.

    Cancelling the wait must lose nothing, so it cannot be an asynchronous generator.
    """

    @property
    def dropped(self) -> int:
        """How many have been lost so far, the oldest first."""

    async def __anext__(self) -> T_co:
        """Return the next one."""


@asynccontextmanager
async def open_objects(
    opening: AbstractAsyncContextManager[Objects[T]], show: Callable[[T], object]
) -> AsyncIterator[Source[list[SentObject]]]:
    """Open the source of a feed of objects.

    Args:
        opening: yields the objects.
        show: returns what to send for an object.
    """
    async with opening as objects:
        yield _ObjectSource(objects, show)


class _ObjectSource(Generic[T]):
    def __init__(self, objects: Objects[T], show: Callable[[T], object]) -> None:
        self._objects = objects
        self._show = show
        self._reported = 0

    async def receive(self) -> list[SentObject] | None:
        try:
            value = await anext(self._objects)
        except StopAsyncIteration:
            return None
        dropped = self._objects.dropped
        lost, self._reported = dropped - self._reported, dropped
        return [SentObject(self._show(value), lost)]
