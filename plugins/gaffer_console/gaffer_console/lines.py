"""Lines assembled from pieces of output."""

from __future__ import annotations

from codecs import utf_8_decode

from gaffer_console.text import MAX_LINE, split_long


class LineAssembler:
    """Joins the pieces of one stream to lines with their line ends, as a terminal shows them.

    A `\\r` that no line end follows ends a state: the text after it replaces the text before it in
    its line. A progress bar is shown in its last state, not as one line of all its states.

    Returns blocks of lines, not single lines, so that much output costs little.
    """

    def __init__(self) -> None:
        self._partial = b""
        self._is_shown = False

    @property
    def holds(self) -> bool:
        """Whether the text of an unfinished line is held back."""
        return bool(self._partial.strip(b"\r"))

    def feed(self, data: bytes) -> bytes:
        """Return the lines that `data` completes, in one block; empty if there are none.

        A line longer than MAX_LINE is returned in several lines.
        """
        data = self._partial + data
        self._partial = b""
        if self._is_shown:
            data = self._skip_line_end(data)
        if b"\r" in data:
            data = _overwrite(data)
        end = data.rfind(b"\n") + 1
        # A final \r may belong to a line end, which must not begin a line of its own.
        text = data[end:].rstrip(b"\r")
        *pieces, rest = split_long(text)
        self._partial = rest + data[end + len(text) :]
        return _split_long_lines(data[:end]) + b"".join(pieces)

    def _skip_line_end(self, data: bytes) -> bytes:
        """Remove the end of a line whose text is shown already."""
        text = data.lstrip(b"\r")
        if not text:
            return data
        self._is_shown = False
        return text.removeprefix(b"\n")

    def flush(self) -> bytes:
        """Return the text of an unfinished line as a line; empty if there is none.

        The text that follows is a line of its own.
        """
        # The beginning of a character waits for the rest of it.
        _, used = utf_8_decode(self._partial, "replace", False)
        return self._take(used)

    def end(self) -> bytes:
        """Return what is left at the end of the stream, and begin again."""
        line = self._take(len(self._partial))
        self._partial = b""
        self._is_shown = False
        return line

    def _take(self, size: int) -> bytes:
        line = self._partial[:size].rstrip(b"\r")
        if not line:
            return b""
        self._partial = self._partial[size:]
        self._is_shown = True
        return line + b"\n"


def _split_long_lines(block: bytes) -> bytes:
    if len(block) <= MAX_LINE:
        return block
    return b"\n".join(b"".join(split_long(line)) for line in block.split(b"\n"))


def _overwrite(data: bytes) -> bytes:
    *lines, partial = data.split(b"\n")
    whole = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines]
    # After a final \r more text may follow, or the line end.
    text = partial.rstrip(b"\r")
    return b"\n".join([*whole, text.rpartition(b"\r")[2] + partial[len(text) :]])
