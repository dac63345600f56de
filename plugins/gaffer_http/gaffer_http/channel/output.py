"""The output of processes, in messages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from gaffer_kernel import Output, Process

from gaffer_http.channel.messages import event_message
from gaffer_http.feeds.feed import Source
from gaffer_http.feeds.output import Pieces, TextOrBytes
from gaffer_http.routes.streams import get_outputs

OUTPUT = "output"
"""The event of a piece of output."""

MAX_MESSAGE = 64 * 1024
"""Bytes of a message."""


class OutputMessages:
    """The messages of one output.

    Args:
        topic: the topic of the messages.
        process: whose output.
        label: which of its outputs; the first one if empty.

    Raises:
        ApiError: 400, none is redirected; 404, it has no such output.
    """

    def __init__(self, topic: str, process: Process, label: str) -> None:
        self._log = get_outputs(process, label or ".")[0]
        self._topic = topic
        self._process = process
        self._text = TextOrBytes()

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Source[Output]]:
        """Read in pieces what is written from now on."""
        async with self._process.subscribe(self._log.label) as reader:
            yield Pieces(reader)

    def messages(self, output: Output) -> Iterator[str]:
        """Yield the messages for a piece: text as `data`, other bytes as `data_base64`.

        `lost` counts the bytes that are missing before it.
        """
        if output.lost:
            yield from self.rest()
        yield from self._messages(self._text.feed(output.data), output.lost)

    def rest(self) -> Iterator[str]:
        """Yield what was held back: an incomplete character at the end."""
        yield from self._messages(self._text.flush(), 0)

    def _messages(self, data: str | bytes, lost: int) -> Iterator[str]:
        if not data and not lost:
            return
        message = self._message(data, lost)
        if len(message.encode()) <= MAX_MESSAGE:
            yield message
            return
        # Text with many quotes or other characters that JSON escapes.
        half = len(data) // 2
        yield from self._messages(data[:half], lost)
        yield from self._messages(data[half:], 0)

    def _message(self, data: str | bytes, lost: int) -> str:
        key, text = (
            ("data", data) if isinstance(data, str) else ("data_base64", b64encode(data).decode())
        )
        more = {"lost": lost} if lost else {}
        process, label = self._process, self._log.label
        known = {"pid": process.pid, "name": str(process.job), "label": label}
        return event_message(OUTPUT, self._topic, **known, **{key: text}, **more)
