"""Server-sent events out of the bytes that carry them.

httpx2 has a reader of its own, but under trio it leaves generators behind that nobody closes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gaffer_client.errors import NotGafferError

MEDIA = "text/event-stream"

LARGEST = 4 * 1024 * 1024
"""Bytes of one message. gaffer's are far smaller."""


class Message(NamedTuple):
    """One server-sent event."""

    event: str
    data: str


class Messages:
    """Reads messages; empty lines between them, the heartbeats, are nothing.

    Args:
        address: for errors.
        media: the content type of the answer.

    Raises:
        NotGafferError: that is no stream of events.
    """

    def __init__(self, address: str, media: str) -> None:
        self._address = address
        if media.partition(";")[0].strip().lower() != MEDIA:
            raise NotGafferError(address, f"{media or 'no content type'}, where {MEDIA} should be")
        self._rest = b""
        self._size = 0
        self._event = "message"
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that end in these bytes.

        Raises:
            NotGafferError: one has no end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._size += len(line)
            if (
                message := self._line(line.removesuffix(b"\r").decode(errors="replace"))
            ) is not None:
                yield message
        if self._size + len(self._rest) > LARGEST:
            raise NotGafferError(self._address, f"a message of more than {LARGEST} bytes")

    def _line(self, line: str) -> Message | None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._event = value
        elif field == "data":
            self._data.append(value)
        if line:
            return None
        message = Message(self._event, "\n".join(self._data)) if self._data else None
        self._size, self._event, self._data = 0, "message", []
        return message
