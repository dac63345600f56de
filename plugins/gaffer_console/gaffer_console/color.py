"""Colours of the console: the twelve of the seed, their assignment, and whether they are used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

COLORS = {
    "cyan": "\x1b[36m",
    "yellow": "\x1b[33m",
    "green": "\x1b[32m",
    "magenta": "\x1b[35m",
    "red": "\x1b[31m",
    "blue": "\x1b[34m",
    "intense_cyan": "\x1b[1;36m",
    "intense_yellow": "\x1b[1;33m",
    "intense_green": "\x1b[1;32m",
    "intense_magenta": "\x1b[1;35m",
    "intense_red": "\x1b[1;31m",
    "intense_blue": "\x1b[1;34m",
}
"""The escape sequence of each colour, in the order of assignment to names."""

RESET = "\x1b[0m"
_BRIGHT_WHITE_ON_BLACK = "\x1b[1;37;40m"
_REMEMBERED_NAMES = 10_000


class Color:
    """Colours text; `colored` is the short form."""

    def output(self, color_name: str, lines: str | Sequence[str]) -> str:
        """Return `lines` in a colour, followed by a reset.

        Args:
            color_name: one of COLORS.
            lines: a text, or pieces of text, which are joined without separators.

        Raises:
            InvalidField: `color_name`: there is no such colour.
        """
        if color_name not in COLORS:
            # Imported here because only this error needs the kernel.
            from gaffer_kernel import InvalidField

            raise InvalidField("color_name", f"no colour {color_name!r}: use {', '.join(COLORS)}")
        text = lines if isinstance(lines, str) else "".join(lines)
        return f"{COLORS[color_name]}{text}{RESET}"


colored = Color().output


class Rotation:
    """Assigns colours to names, in turn; a name keeps its colour."""

    def __init__(self) -> None:
        self._order = tuple(COLORS)
        self._given: dict[str, str] = {}
        self._next = 0

    def get_color(self, name: str) -> str:
        """Return the name of the colour of `name`."""
        if name not in self._given:
            if len(self._given) >= _REMEMBERED_NAMES:
                # Jobs are added and removed as long as gafferd runs; the oldest name is the least
                # likely to be in use.
                del self._given[next(iter(self._given))]
            self._given[name] = self._order[self._next]
            self._next = (self._next + 1) % len(self._order)
        return self._given[name]


def wants_color(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether output on `stream` may be coloured.

    No without a stream, as with a closed standard output, and with `NO_COLOR`; else yes with
    `FORCE_COLOR`, or no if it is `0`; else yes on a terminal, unless it is `dumb`.
    """
    if stream is None or environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR"):
        return forced != "0"
    return environ.get("TERM") != "dumb" and stream.isatty()


def status_bar(s: str) -> None:
    """Print one line, bright white on black."""
    print(f"{_BRIGHT_WHITE_ON_BLACK}{s}{RESET}", flush=True)
