"""Colours: whether there are any, and who gets which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import cycle
from typing import TextIO

import click

_COLORS = [
    *("cyan", "yellow", "green", "magenta", "red", "blue"),
    *(f"bright_{name}" for name in ("cyan", "yellow", "green", "magenta", "red", "blue")),
]


def wants_color(
    asked: bool | None, stream: TextIO, environ: Mapping[str, str] = os.environ
) -> bool:
    """Whether what is printed may be coloured.

    `NO_COLOR` says no; else `FORCE_COLOR` says yes, or no if it is `0`; else a terminal says yes,
    unless it is `dumb`.

    Args:
        asked: what was said on the command line, which goes before all that; None if nothing was.
        stream: where to.
        environ: the variables.
    """
    if asked is not None:
        return asked
    if environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR"):
        return forced != "0"
    return environ.get("TERM") != "dumb" and stream.isatty()


class Colors:
    """Gives each name a colour, in turn; a name keeps its own."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._next = cycle(_COLORS)

    def paint(self, name: str, text: str) -> str:
        """A text in the colour of a name."""
        if name not in self._given:
            self._given[name] = next(self._next)
        return click.style(text, fg=self._given[name])
