"""Whole lines assembled from pieces of output."""

from __future__ import annotations

from gaffer_console.text import MAX_LINE

_MAX_STORED = MAX_LINE + 2
"""Bytes stored of a line: the maximum, its \\r, and one more that shows it to be too long."""


class LineAssembler:
    """Joins the pieces of one stream to whole lines with their line ends.

    Returns blocks of lines, not single lines, so that much output costs little.
    """

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Return the lines that `data` completes, in one block; empty if there are none."""
        cut = data.find(b"\n") if len(self._partial) >= _MAX_STORED else 0
        if cut < 0:
            return b""
        end = data.rfind(b"\n", cut) + 1
        if not end:
            self._partial += data[: _MAX_STORED - len(self._partial)]
            return b""
        block = bytes(self._partial) + data[cut:end]
        self._partial = bytearray(data[end : end + _MAX_STORED])
        return block

    def end(self) -> bytes:
        """Return the partial line at the end of the stream as a line; empty if there is none."""
        line = bytes(self._partial)
        self._partial.clear()
        return line + b"\n" if line else b""


class TerminalLines(LineAssembler):
    """Joins the output of a program on a pty: a `\\r` discards the text before it in its line.

    A progress bar is shown in its last state, not as one line of all its states.
    """

    def feed(self, data: bytes) -> bytes:
        if b"\r" in data or b"\r" in self._partial:
            data = _overwrite(bytes(self._partial) + data)
            self._partial.clear()
        return super().feed(data)


def _overwrite(data: bytes) -> bytes:
    *lines, partial = data.split(b"\n")
    whole = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines]
    # After a final \r more text may follow, or the line end.
    text = partial.rstrip(b"\r")
    return b"\n".join([*whole, text.rpartition(b"\r")[2] + partial[len(text) :]])
