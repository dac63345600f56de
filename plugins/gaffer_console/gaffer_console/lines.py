"""Whole lines out of pieces of output."""

from __future__ import annotations

from gaffer_console.text import MAX_LINE

_KEPT = MAX_LINE + 2
"""Bytes kept of a line: the longest, its \\r, and one more that shows it to be too long."""


class LineAssembler:
    """Joins the pieces of one stream, so that what comes out is whole lines with their ends.

    Blocks of lines, not single lines: a flood costs those who read it next to nothing.
    """

    def __init__(self) -> None:
        self._half = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The lines that `data` completes, in one block; empty if there are none."""
        cut = data.find(b"\n") if len(self._half) >= _KEPT else 0
        if cut < 0:
            return b""
        end = data.rfind(b"\n", cut) + 1
        if not end:
            self._half += data[: _KEPT - len(self._half)]
            return b""
        block = bytes(self._half) + data[cut:end]
        self._half = bytearray(data[end : end + _KEPT])
        return block

    def end(self) -> bytes:
        """The half line that is left, as a line; empty if there is none: nothing will follow it."""
        line = bytes(self._half)
        self._half.clear()
        return line + b"\n" if line else b""


class TerminalLines(LineAssembler):
    """The same of a program that writes to a terminal: what stands before a `\\r` is overwritten.

    Progress bars are shown as they were left, and not as one line of all that they ever said.
    """

    def feed(self, data: bytes) -> bytes:
        if b"\r" in data or b"\r" in self._half:
            data = _as_left(bytes(self._half) + data)
            self._half.clear()
        return super().feed(data)


def _as_left(data: bytes) -> bytes:
    *lines, half = data.split(b"\n")
    whole = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines]
    # More may come after the \r at its end, or a line end.
    text = half.rstrip(b"\r")
    return b"\n".join([*whole, text.rpartition(b"\r")[2] + half[len(text) :]])
