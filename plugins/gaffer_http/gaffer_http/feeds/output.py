"""What processes write, in the forms of a feed: bytes as they are, or server-sent events.

And in pieces, for messages.
"""

from __future__ import annotations

from codecs import getincrementaldecoder, utf_8_decode
from collections.abc import Iterator

import msgspec
from gaffer_kernel import Output
from gaffer_kernel.plugin import OutputReader

from gaffer_http.feeds import sse

MAX_LINE = 64 * 1024
"""Characters of a line that are held back until its end comes."""

MAX_PIECE = 48_000
"""Bytes that `Pieces` gives at once: in base64, and a little around it, they are 64 KiB."""

_STEP = 64 * 1024
_Decoder = getincrementaldecoder("utf-8")


class RawOutput:
    """The bytes as they are. Bytes have no room to say that some before them are lost."""

    media = "application/octet-stream"
    holds = False

    def encode(self, output: Output) -> Iterator[bytes]:
        """What to send for a piece of output."""
        yield output.data

    def flush(self) -> bytes:
        """What has been held back: nothing."""
        return b""


class SseOutput:
    """Server-sent events of whole lines, each of the type of its label.

    The beginning of a line is held back: whoever waits for its end should not wait long, because it
    may be a prompt, and call `flush`. What a reader was too slow for is told as a `gap`.
    """

    media = sse.MEDIA

    def __init__(self) -> None:
        self._labels: dict[str, _Lines] = {}

    @property
    def holds(self) -> bool:
        """Whether the beginning of a line is held back."""
        return any(lines.held for lines in self._labels.values())

    def encode(self, output: Output) -> Iterator[bytes]:
        """What to send for a piece of output, little by little, lest it become much at once."""
        lines = self._labels.setdefault(output.label, _Lines())
        if output.lost:
            yield self._messages(output.label, lines.flush())
            gap = {"label": output.label, "lost": output.lost}
            yield sse.message(msgspec.json.encode(gap).decode(), event="gap")
        for start in range(0, len(output.data), _STEP):
            yield self._messages(output.label, lines.feed(output.data[start : start + _STEP]))

    def flush(self) -> bytes:
        """What has been held back."""
        held = [(label, lines.flush()) for label, lines in self._labels.items()]
        return b"".join(self._messages(label, text) for label, text in held)

    def _messages(self, label: str, text: str) -> bytes:
        return sse.message(text, event=label) if text else b""


class _Lines:
    """Text out of bytes that were cut anywhere, in whole lines."""

    def __init__(self) -> None:
        self.held = ""
        self._decoder = _Decoder("replace")

    def feed(self, data: bytes) -> str:
        text = self.held + self._decoder.decode(data)
        end = text.rfind("\n") + 1
        if len(text) - end > MAX_LINE:
            end = len(text)
        self.held = text[end:]
        return text[:end]

    def flush(self) -> str:
        text, self.held = self.held, ""
        return text


class Pieces:
    """What is read of one label, little by little.

    The rest stays where it is kept for all readers, so that whoever is slow holds nothing himself.

    Args:
        reader: of one label; whoever made it closes it.
    """

    def __init__(self, reader: OutputReader) -> None:
        self._reader = reader

    async def receive(self) -> Output | None:
        """The next piece, of at most PIECE bytes; None at the end. Cancelling loses nothing."""
        output = await self._reader.receive()
        if output is None or len(output.data) <= MAX_PIECE:
            return output
        rest = len(output.data) - MAX_PIECE
        self._reader.rewind(lambda log: log.end - rest)
        return output._replace(data=output.data[:MAX_PIECE])


class TextOrBytes:
    """Bytes that were cut anywhere: as text where they are UTF-8, else as they are.

    The beginning of a character waits for its rest.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> str | bytes:
        """What has come; may be empty."""
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
        """What has been held back."""
        held, self._held = self._held, b""
        return held
