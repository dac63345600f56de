"""The size of a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MAX_SIZE = 65535
"""The largest number that fits into struct winsize."""


class TerminalSize(NamedTuple):
    """How many characters wide and high a terminal is; 80x24 is what programs assume."""

    columns: int = 80
    lines: int = 24

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> TerminalSize:
        """Read COLUMNS and LINES; a missing or invalid one is 80 or 24."""
        default = cls()
        return cls(
            _parse(environ.get("COLUMNS"), default.columns),
            _parse(environ.get("LINES"), default.lines),
        )


def _parse(text: str | None, default: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        return default
    size = int(text[:6])
    return size if 0 < size <= MAX_SIZE else default
