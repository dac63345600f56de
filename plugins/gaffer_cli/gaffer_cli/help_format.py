"""The format of the help of commands, with colours on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click
from gaffer_console.color import wants_color

_TERM = "cyan"


class HelpFormatter(click.HelpFormatter):
    """Writes headings bold and the names of commands and options in a colour, if that is wanted."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, _bold(prefix or "Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(_bold(heading))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        styled = [(_colored(term), text) for term, text in rows]
        super().write_dl(styled, col_max, col_spacing)


class HelpContext(click.Context):
    """A context of gaffer, gafferctl or one of their verbs."""

    formatter_class = HelpFormatter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.color is None and wants_color(sys.stdout):
            # Otherwise click removes colours in a pipe, also with FORCE_COLOR.
            self.color = True


def _bold(text: str) -> str:
    return click.style(text, bold=True) if wants_color(sys.stdout) else text


def _colored(text: str) -> str:
    return click.style(text, fg=_TERM) if wants_color(sys.stdout) else text
