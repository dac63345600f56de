"""Tables of text, for people."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from gaffer_console.color import colored

STATE = "STATE"
"""The title of the column with colours."""

MIN_LAST = 24
"""Characters of the last column for which optional columns make room."""
_GAP = "  "
_REASON = re.compile("[:,] ")
"""Separates a state from its reason."""


def format_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[str] = (),
    colors: Mapping[str, str] | None = None,
    width: int | None = None,
    optional: Sequence[str] = (),
) -> Iterator[str]:
    """Format rows in columns as wide as their widest cell; the last column is not padded.

    Args:
        head: a title for each column.
        rows: a cell for each column.
        right: the titles of columns with numbers, which are aligned to the right.
        colors: the colours of the cells of the column STATE, by their text before a reason; None
            for no colours.
        width: columns of the terminal, to which lines are cut; None for no limit.
        optional: the titles of columns that are left out, the first of them first, as long as
            less than MIN_LAST of the last column can be seen.
    """
    lines = [head, *rows]
    if width is not None:
        lines = _drop_columns(lines, width, optional)
        head = lines[0]
    widths = _get_widths(lines)
    for index, line in enumerate(lines):
        cells = [
            cell.rjust(size) if title in right else cell.ljust(size)
            for title, cell, size in zip(head, line, widths, strict=True)
        ]
        text = _GAP.join(cells).rstrip()
        if width is not None and len(text) > width:
            text = text[: max(0, width - 1)] + "…"
        if colors and index:
            column = head.index(STATE)
            start = sum(widths[:column]) + len(_GAP) * column
            text = _color(text, start, cells[column].strip(), colors)
        yield text


def _get_widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _drop_columns(
    lines: list[Sequence[str]], width: int, optional: Sequence[str]
) -> list[Sequence[str]]:
    """Remove columns until the others fit into `width`, or none is left to remove."""
    for title in optional:
        *widths, last = _get_widths(lines)
        if sum(widths) + len(_GAP) * len(widths) + min(last, MIN_LAST) <= width:
            break
        column = lines[0].index(title)
        lines = [[*line[:column], *line[column + 1 :]] for line in lines]
    return lines


def get_terminal_width() -> int | None:
    """Return the columns of the terminal on standard output; None if it is not a terminal."""
    try:
        return os.get_terminal_size(1).columns or None
    except OSError:
        return None


def _color(text: str, start: int, state: str, colors: Mapping[str, str]) -> str:
    """Colour a state that begins at `start`, as far as it was not cut off."""
    color = colors.get(_REASON.split(state)[0])
    end = min(start + len(state), len(text))
    if color is None or end <= start:
        return text
    return text[:start] + colored(color, text[start:end]) + text[end:]
