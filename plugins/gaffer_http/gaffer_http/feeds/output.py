"""The output of processes in the forms of a feed: raw bytes, or server-sent events.

For messages there are pieces of limited size.
"""

from __future__ import annotations

from codecs import getincrementaldecoder, utf_8_decode
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from typing import NamedTuple

import msgspec
from gaffer_kernel import Output
from gaffer_kernel.plugin import OutputReader, ReadTime

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
        yield from self._encode_data(output.label, lines, output.data)

    def _encode_data(self, label: str, lines: _Lines, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _STEP):
            yield self._messages(label, lines.feed(data[start : start + _STEP]))
            if lines.held > MAX_LINE:
                yield self._messages(label, lines.flush())
                yield sse.message(msgspec.json.encode({"label": label}).decode(), event="cut")

    def flush(self) -> bytes:
        """Return what was held back."""
        held = [(label, lines.flush()) for label, lines in self._labels.items()]
        return b"".join(self._messages(label, text) for label, text in held)

    def _messages(self, label: str, text: str) -> bytes:
        return sse.message(text, event=label) if text else b""


class TimedOutput(NamedTuple):
    """Output, and the times at which parts of its data were read."""

    output: Output
    times: list[ReadTime]


class TimedReader:
    """A reader whose output comes with its times.

    Args:
        reader: the code that created it closes it.
    """

    def __init__(self, reader: OutputReader) -> None:
        self._reader = reader

    def receive_nowait(self) -> TimedOutput | None:
        """Return all that one label has now; None if there is nothing."""
        output = self._reader.receive_nowait()
        return None if output is None else TimedOutput(output, self._reader.times)

    async def receive(self) -> TimedOutput | None:
        """Wait for output; None at the end. Cancelling loses nothing."""
        output = await self._reader.receive()
        return None if output is None else TimedOutput(output, self._reader.times)


class TimedSseOutput:
    """Server-sent events as of SseOutput; a `time` precedes lines of another time.

    The time of a line is that at which its end was read.
    """

    media = sse.MEDIA

    def __init__(self) -> None:
        self._sse = _TimedMessages()

    @property
    def holds(self) -> bool:
        """Whether the beginning of a line is held back."""
        return self._sse.holds

    def encode(self, timed: TimedOutput) -> Iterator[bytes]:
        """Yield what to send for a piece of output."""
        label, data, lost = timed.output
        # Without times, as of an empty piece, the bytes keep the time of those before.
        starts = [0, *(each.position for each in timed.times[1:]), len(data)]
        for index, (start, end) in enumerate(pairwise(starts)):
            if index < len(timed.times):
                self._sse.set_time(label, timed.times[index].time)
            yield from self._sse.encode(Output(label, data[start:end], 0 if index else lost))

    def flush(self) -> bytes:
        """Return what was held back."""
        return self._sse.flush()


class _TimedMessages(SseOutput):
    """SseOutput with times, which are set for each label."""

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[str, float] = {}
        self._sent = 0.0

    def set_time(self, label: str, time: float) -> None:
        self._times[label] = time

    def _messages(self, label: str, text: str) -> bytes:
        found = super()._messages(label, text)
        time = self._times.get(label, 0.0)
        if not found or time == self._sent:
            return found
        self._sent = time
        data = msgspec.json.encode({"time": round(time, 6)}).decode()
        return sse.message(data, event="time") + found


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
