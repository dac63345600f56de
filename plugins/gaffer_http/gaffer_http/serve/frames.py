"""HTTP/2 frame limits: a client that sends frames without requests gets ENHANCE_YOUR_CALM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_FRAMES = 1000
"""Frames within FRAME_INTERVAL since the last opened stream; also stream resets altogether."""

FRAME_INTERVAL = 60.0
"""Seconds."""

FRAMES_PER_DATA = 3
"""Frames that a client may send for each DATA frame that it receives: WINDOW_UPDATE, PING."""

PREFACE_SIZE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

_HEADER_SIZE = 9
_DATA, _HEADERS, _RST_STREAM = 0, 1, 3


class Frame(NamedTuple):
    """The header of a frame."""

    size: int
    kind: int
    stream: int


class FrameReader:
    """Finds the headers of frames in the bytes of one direction of a connection.

    Args:
        skip: bytes that come before the first frame.

    Attributes:
        last: the last frame; None before the first.
    """

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._header = b""
        self.last: Frame | None = None

    @property
    def left(self) -> int:
        """Bytes of the last frame that are not received yet."""
        return self._skip

    def read(self, data: bytes) -> Iterator[Frame]:
        """Yield each frame whose header ends in these bytes."""
        at = 0
        while at < len(data):
            if self._skip:
                skipped = min(self._skip, len(data) - at)
                self._skip -= skipped
                at += skipped
                continue
            piece = data[at : at + _HEADER_SIZE - len(self._header)]
            at += len(piece)
            self._header += piece
            if len(self._header) == _HEADER_SIZE:
                size = int.from_bytes(self._header[:3])
                stream = int.from_bytes(self._header[5:]) & 0x7FFFFFFF
                self.last = Frame(size, self._header[3], stream)
                self._skip, self._header = size, b""
                yield self.last


class FrameLimit:
    """Counts the frames of one client that carry no request and no data."""

    def __init__(self) -> None:
        self._received = FrameReader(PREFACE_SIZE)
        self._sent = FrameReader()
        self._last_stream = 0
        self._frames = 0
        self._resets = 0
        self._since = 0.0

    @property
    def data(self) -> tuple[int, int]:
        """The stream of the current DATA frame, and how many of its bytes are not received yet.

        Both are 0 if there is none.
        """
        last = self._received.last
        return (last.stream, self._received.left) if last and last.kind == _DATA else (0, 0)

    def sent(self, data: bytes) -> None:
        """Allow frames in return for what the client is sent."""
        received = sum(frame.kind == _DATA for frame in self._sent.read(data))
        self._frames = max(self._frames - FRAMES_PER_DATA * received, 0)

    def exceeded(self, data: bytes, now: float) -> bool:
        """Count the frames a client sends; return whether they are too many.

        DATA frames with content do not count: flow control and the input budget limit them.
        """
        if now - self._since > FRAME_INTERVAL:
            self._since, self._frames, self._resets = now, 0, 0
        for frame in self._received.read(data):
            if frame.kind == _HEADERS and frame.stream > self._last_stream:
                self._last_stream = frame.stream
                self._frames = 0
            elif frame.kind != _DATA or not frame.size:
                self._frames += 1
                self._resets += frame.kind == _RST_STREAM
            if max(self._frames, self._resets) > MAX_FRAMES:
                return True
        return False
