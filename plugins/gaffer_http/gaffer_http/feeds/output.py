"""The output of processes in the forms of a feed: raw bytes, or server-sent events.

For messages there are pieces of limited size.
"""

from __future__ import annotations

from codecs import getincrementaldecoder, utf_8_decode
from collections.abc import Iterator
from io import StringIO

import msgspec
from gaffer_kernel import Output
from gaffer_kernel.plugin import OutputReader

from gaffer_http.feeds import sse

MAX_LINE = 256 * 1024
"""Characters of a line that are held back until its end comes."""

MAX_PIECE = 48_000
"""Bytes of one of the `Pieces`: in base64, with the rest of the message, they are 64 KiB."""

_STEP = 64 * 1024
_Decoder = getincrementaldecoder("utf-8")


class RawOutput:
    """The bytes as they are. There is no way to report lost ones."""

    media = "application/octet-stream"
    holds = False

    def encode(self, output: Output) -> Iterator[bytes]:
        """Yield what to send for a piece of output."""
        yield output.data

    def flush(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""


class SseOutput:
    """Server-sent events of whole lines, each with its label as the type.

    The beginning of a line is held back. It may be a prompt, so do not wait long for the end of the
    line before calling `flush`. Bytes that a slow reader lost are reported as a `gap`. A line of
    more than MAX_LINE characters is sent in pieces, with a `cut` after each piece but the last.
    """

    media = sse.MEDIA

    def __init__(self) -> None:
        self._labels: dict[str, _Lines] = {}

    @property
    def holds(self) -> bool:
        """Whether the beginning of a line is held back."""
        return any(lines.held > 0 for lines in self._labels.values())

    def encode(self, output: Output) -> Iterator[bytes]:
        """Yield what to send for a piece of output, in small steps so that it does not use much
        memory."""
        lines = self._labels.setdefault(output.label, _Lines())
        if output.lost:
            yield self._messages(output.label, lines.flush())
            gap = {"label": output.label, "lost": output.lost}
            yield sse.message(msgspec.json.encode(gap).decode(), event="gap")
        for start in range(0, len(output.data), _STEP):
            yield self._messages(output.label, lines.feed(output.data[start : start + _STEP]))
            if lines.held > MAX_LINE:
                yield self._messages(output.label, lines.flush())
                cut = {"label": output.label}
                yield sse.message(msgspec.json.encode(cut).decode(), event="cut")

    def flush(self) -> bytes:
        """Return what was held back."""
        held = [(label, lines.flush()) for label, lines in self._labels.items()]
        return b"".join(self._messages(label, text) for label, text in held)

    def _messages(self, label: str, text: str) -> bytes:
        return sse.message(text, event=label) if text else b""


class _Lines:
    """Whole lines of text, decoded from bytes that were cut anywhere."""

    def __init__(self) -> None:
        # Not a str: joining a long line from small pieces would take quadratic time.
        self._held = StringIO()
        self._decoder = _Decoder("replace")

    @property
    def held(self) -> int:
        """How many characters are held back."""
        return self._held.tell()

    def feed(self, data: bytes) -> str:
        text = self._decoder.decode(data)
        end = text.rfind("\n") + 1
        whole = self.flush() + text[:end] if end else ""
        self._held.write(text[end:])
        return whole

    def flush(self) -> str:
        text = self._held.getvalue()
        self._held = StringIO()
        return text


class Pieces:
    """The output of one label, in pieces of limited size.

    The rest stays in the log that all readers share, so a slow client uses no memory of its own.

    Args:
        reader: of one label; the code that created it closes it.
    """

    def __init__(self, reader: OutputReader) -> None:
        self._reader = reader

    async def receive(self) -> Output | None:
        """Return the next piece, of at most MAX_PIECE bytes; None at the end. Cancelling loses
        nothing."""
        output = await self._reader.receive()
        if output is None or len(output.data) <= MAX_PIECE:
            return output
        rest = len(output.data) - MAX_PIECE
        self._reader.rewind(lambda log: log.end - rest)
        return output._replace(data=output.data[:MAX_PIECE])


class TextOrBytes:
    """Bytes that were cut anywhere: as text where they are UTF-8, otherwise as bytes.

    The beginning of a character is held back until the rest comes.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> str | bytes:
        """Return what is complete; may be empty."""
        data = self._held + data
        given: str | bytes
        try:
            given, used = utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            _, used = utf_8_decode(data, "replace", False)
            given = data[:used]
        self._held = data[used:]
        return given

    def flush(self) -> bytes:
        """Return what was held back."""
        held, self._held = self._held, b""
        return held
