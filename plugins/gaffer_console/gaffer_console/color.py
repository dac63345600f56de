"""Colours of the console: the seed's twelve, who gets which, and whether there are any."""

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
"""The escape sequence of each colour, in the order in which names receive them."""

RESET = "\x1b[0m"
_BRIGHT_WHITE_ON_BLACK = "\x1b[1;37;40m"
_REMEMBERED_NAMES = 10_000


class Color:
    """Colours text; `colored` is the short way to it."""

    def output(self, color_name: str, lines: str | Sequence[str]) -> str:
        """`lines` in a colour, followed by the reset to the terminal's own.

        Args:
            color_name: one of COLORS.
            lines: text, or pieces of it that are joined as they are.

        Raises:
            InvalidField: `color_name`: there is no such colour.
        """
        if color_name not in COLORS:
            # Late: whoever names a colour that is there needs nothing of the kernel.
            from gaffer_kernel import InvalidField

            raise InvalidField("color_name", f"no colour {color_name!r}: use {', '.join(COLORS)}")
        text = lines if isinstance(lines, str) else "".join(lines)
        return f"{COLORS[color_name]}{text}{RESET}"


colored = Color().output


class Rotation:
    """Gives each name a colour, in turn; a name keeps its own."""

    def __init__(self) -> None:
        self._order = tuple(COLORS)
        self._given: dict[str, str] = {}
        self._next = 0

    def color_of(self, name: str) -> str:
        """The name of the colour in which `name` is shown."""
        if name not in self._given:
            if len(self._given) >= _REMEMBERED_NAMES:
                # Names come and go for as long as gafferd lives; the oldest is the likeliest gone.
                del self._given[next(iter(self._given))]
            self._given[name] = self._order[self._next]
            self._next = (self._next + 1) % len(self._order)
        return self._given[name]


def wants_color(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether output on `stream` may be coloured.

    `NO_COLOR` says no; else `FORCE_COLOR` says yes, or no if it is `0`; else a terminal says yes,
    unless it is `dumb`.
    """
    if environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR"):
        return forced != "0"
    return environ.get("TERM") != "dumb" and stream.isatty()


def status_bar(s: str) -> None:
    """Print one line, bright white on black."""
    print(f"{_BRIGHT_WHITE_ON_BLACK}{s}{RESET}", flush=True)
