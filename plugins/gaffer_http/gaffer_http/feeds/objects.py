"""Objects of any kind in the forms of a feed, and where a feed gets them from."""

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
    """An object, and how many before it this client was too slow for."""

    value: object
    lost: int = 0


class ObjectForms:
    """Whatever msgspec can encode. Lines have no room to say that some before them are lost.

    Args:
        event: the type of the server-sent events.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._json = msgspec.json.Encoder()

    def line(self, told: SentObject) -> bytes:
        """The object in a line of its own."""
        return self._json.encode(told.value) + b"\n"

    def message(self, told: SentObject) -> bytes:
        """A server-sent event, after another one that says how many are missing."""
        gap = self._message({"lost": told.lost}, GAP) if told.lost else b""
        return gap + self._message(told.value, self._event)

    def _message(self, value: object, event: str) -> bytes:
        return sse.message(self._json.encode(value).decode(), event=event)


class Objects(Protocol[T_co]):
    """An asynchronous iterator that counts what is lost because it was not fetched in time.

    Cancelling the wait must lose nothing: an asynchronous generator will not do.
    """

    @property
    def dropped(self) -> int:
        """How many have been lost so far, the oldest first."""

    async def __anext__(self) -> T_co:
        """Wait for the next one."""


@asynccontextmanager
async def open_objects(
    opening: AbstractAsyncContextManager[Objects[T]], show: Callable[[T], object]
) -> AsyncIterator[Source[list[SentObject]]]:
    """The objects that a feed tells.

    Args:
        opening: gives them.
        show: what the client is told of each.
    """
    async with opening as objects:
        yield _Telling(objects, show)


class _Telling(Generic[T]):
    def __init__(self, objects: Objects[T], show: Callable[[T], object]) -> None:
        self._objects = objects
        self._show = show
        self._told = 0

    async def receive(self) -> list[SentObject] | None:
        try:
            value = await anext(self._objects)
        except StopAsyncIteration:
            return None
        dropped = self._objects.dropped
        lost, self._told = dropped - self._told, dropped
        return [SentObject(self._show(value), lost)]
