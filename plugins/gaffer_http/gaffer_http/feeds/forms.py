"""The forms of single objects: JSON lines, or server-sent events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from gaffer_http.errors import JSON
from gaffer_http.feeds import sse
from gaffer_http.feeds.feed import Encoder
from gaffer_http.feeds.query import Kind

GAP = "gap"
"""The event that reports how many others are missing."""

LINES = "application/x-ndjson"
"""The content type of JSON lines: an object in each line."""

_MAX_AT_ONCE = 256
"""Objects that are sent in one piece."""

_MAX_SEPARATE = 8
"""Messages that are sent each in a piece of its own: the client of gaffer 0.4 takes each chunk for
one message."""

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Forms(Protocol[T_contra]):
    """The two forms of an object."""

    def line(self, value: T_contra, /) -> bytes:
        """Return JSON in a line of its own."""

    def message(self, value: T_contra, /) -> bytes:
        """Return a server-sent event."""


def encoder(kind: Kind, forms: Forms[T]) -> Encoder[list[T]]:
    """Return the encoder for a kind of feed; for a long poll it encodes only the first object."""
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
        for start in range(0, len(batch), _MAX_AT_ONCE):
            yield b"".join(map(self._form, batch[start : start + _MAX_AT_ONCE]))

    def flush(self) -> bytes:
        return b""


class _First(_Lines[T]):
    media = JSON

    def encode(self, batch: list[T]) -> Iterator[bytes]:
        yield self._form(batch[0])


class _Messages(_Lines[T]):
    media = sse.MEDIA

    def encode(self, batch: list[T]) -> Iterator[bytes]:
        if len(batch) > _MAX_SEPARATE:
            yield from super().encode(batch)
        else:
            yield from map(self._form, batch)
