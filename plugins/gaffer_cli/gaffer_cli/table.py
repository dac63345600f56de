"""Tables of text, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Format rows in columns as wide as their widest cell; the last column is not padded.

    Args:
        head: a title for each column.
        rows: a cell for each column.
    """
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
