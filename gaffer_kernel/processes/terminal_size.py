"""The size of a terminal window, as programs are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

LARGEST = 65535
"""What the system can store."""


class TerminalSize(NamedTuple):
    """How many characters wide and high a terminal is."""

    columns: int = 80
    lines: int = 24


def terminal_size_from(environ: Mapping[str, str]) -> TerminalSize:
    """The size that COLUMNS and LINES tell; 80x24 where they tell none, as programs take it."""
    usual = TerminalSize()
    return TerminalSize(
        _size(environ.get("COLUMNS"), usual.columns), _size(environ.get("LINES"), usual.lines)
    )


def _size(text: str | None, usual: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        return usual
    size = int(text[:6])
    return size if 0 < size <= LARGEST else usual
