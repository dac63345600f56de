"""How a view is painted: a title, rows, the output of the chosen job, and what keys do."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from gaffer_cli.printable import printable
from gaffer_cli.top.cells import HEAD, cells, total
from gaffer_cli.top.rows import Row
from gaffer_cli.top.view import View

_KEYS = " q quit  j/k choose  c cpu  m mem  n name"
_STYLES = {"stopped": "dim", "flapping": "yellow", "given up": "red"}
_NUMBERS = {"RUN/WANT", "CPU%", "MEM", "RESTARTS"}
_NARROWEST_NAME = 12
_MAX_OUTPUT = 12
"""Lines."""
_MIN_ROWS = 5
"""Rows that are worth more than output."""


def picture(view: View, output: Sequence[str], where: str, width: int, height: int) -> Group:
    """All that is on the screen.

    Args:
        view: what is looked at.
        output: the last lines of the chosen job, with how it is in the first.
        where: the address of gafferd.
        width: of the terminal, cells.
        height: of the terminal, lines.
    """
    room = height - 3
    below = min(_MAX_OUTPUT, max(0, room - max(_MIN_ROWS, room // 2)))
    shown = view.in_sight(room - below)
    lines = [_title(view, where, width), *_table(view, shown, width)]
    lines += [Text()] * (2 + room - below - len(lines))
    lines += _output(view.chosen, output, below, width)
    lines.append(Text(_KEYS + f"  (by {view.order})", style="reverse"))
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    lines[-1].pad_right(max(0, width - lines[-1].cell_len))
    return Group(*lines[-height:] if height < 3 else lines)


def _title(view: View, where: str, width: int) -> Text:
    if view.lost is not None:
        return Text(f"waiting for gafferd: {printable(view.lost)}", style="bold red")
    text = f"gaffer at {where}: {total(view.rows)}"
    clock = time.strftime("  %H:%M:%S").rjust(width - len(text))
    return Text(text + clock if len(text + clock) <= width else text, style="bold")


def _table(view: View, shown: list[Row], width: int) -> list[Text]:
    lines = [HEAD, *map(cells, shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    # As wide as any name, so that columns stand still when one looks further down.
    longest = max((len(row.name) for row in view.rows), default=0)
    # But a long one leaves room for what is told of it.
    widths[0] = max(_NARROWEST_NAME, min(longest, width // 2))
    texts = [Text(_joined(line, widths)) for line in lines]
    texts[0].stylize("bold underline")
    for row, text in zip(shown, texts[1:], strict=True):
        if row is view.chosen:
            text.stylize("reverse")
        text.stylize(_style(row))
    return texts


def _joined(line: list[str], widths: list[int]) -> str:
    name = line[0] if len(line[0]) <= widths[0] else line[0][: widths[0] - 1] + "…"
    return "  ".join(
        cell.rjust(width) if title in _NUMBERS else cell.ljust(width)
        for title, cell, width in zip(HEAD, [name, *line[1:]], widths, strict=True)
    )


def _style(row: Row) -> str:
    if row.state in _STYLES:
        return _STYLES[row.state]
    return "yellow" if row.running < row.numprocesses else ""


def _output(chosen: Row | None, output: Sequence[str], number: int, width: int) -> list[Text]:
    if not number:
        return []
    title = "" if chosen is None else f" {chosen.name}: {printable(chosen.condition)} "
    lines = [Text(f"--{title:-<{max(0, width - 2)}}", style="bold")]
    lines += [Text(line) for line in list(output)[1 - number :]] if number > 1 else []
    return [*lines, *[Text()] * (number - len(lines))]
