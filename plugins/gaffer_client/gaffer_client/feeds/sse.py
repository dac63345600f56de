"""Parser for server-sent events.

httpx2 has one too, but under trio it leaves async generators open when a feed is closed early.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gaffer_client.errors import NotGafferError

MEDIA_TYPE = "text/event-stream"

MAX_MESSAGE = 4 * 1024 * 1024
"""Maximum bytes of one message. Those of gaffer are far smaller."""


class Message(NamedTuple):
    """One server-sent event."""

    event: str
    data: str


class MessageParser:
    """Parses messages; heartbeats, which are comments, yield nothing.

    Args:
        address: the address of the server, for errors.
        media_type: the content type of the response.

    Raises:
        NotGafferError: the content type is not that of server-sent events.
    """

    def __init__(self, address: str, media_type: str) -> None:
        self._address = address
        if media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
            shown = media_type or "no content type"
            raise NotGafferError(address, f"{shown}, where {MEDIA_TYPE} should be")
        self._rest = b""
        self._size = 0
        self._event = "message"
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that these bytes complete.

        Raises:
            NotGafferError: a message is too large.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._size += len(line)
            text = line.removesuffix(b"\r").decode(errors="replace")
            if (message := self._parse_line(text)) is not None:
                yield message
        if self._size + len(self._rest) > MAX_MESSAGE:
            raise NotGafferError(self._address, f"a message of more than {MAX_MESSAGE} bytes")

    def _parse_line(self, line: str) -> Message | None:
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
