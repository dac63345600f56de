"""The forms of what is told one by one: JSON in lines, or server-sent events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from gaffer_http.errors import JSON
from gaffer_http.feeds import sse
from gaffer_http.feeds.feed import Encoder
from gaffer_http.feeds.query import Kind

GAP = "gap"
"""The event that tells how many others are missing."""

LINES = "application/x-ndjson"
"""The content type of a JSON object in each line."""

_AT_ONCE = 256
"""Things told in one piece."""

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Forms(Protocol[T_contra]):
    """The two forms that a thing can have."""

    def line(self, told: T_contra, /) -> bytes:
        """JSON in a line of its own."""

    def message(self, told: T_contra, /) -> bytes:
        """A server-sent event."""


def encoder(kind: Kind, forms: Forms[T]) -> Encoder[list[T]]:
    """How a feed tells things: a long poll the first one only."""
    match kind:
        case "longpoll":
            return _First(forms.line)
        case "continuous":
            return _Lines(forms.line)
        case "eventsource":
            return _Messages(forms.message)


class _Lines(Generic[T]):
    media = LINES
    holds = False

    def __init__(self, form: Callable[[T], bytes]) -> None:
        self._form = form

    def encode(self, batch: list[T]) -> Iterator[bytes]:
        for start in range(0, len(batch), _AT_ONCE):
            yield b"".join(map(self._form, batch[start : start + _AT_ONCE]))

    def flush(self) -> bytes:
        return b""


class _First(_Lines[T]):
    media = JSON

    def encode(self, batch: list[T]) -> Iterator[bytes]:
        yield self._form(batch[0])


class _Messages(_Lines[T]):
    media = sse.MEDIA
