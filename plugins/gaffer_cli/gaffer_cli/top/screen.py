"""Rendering of the view: a title, rows, the output of the selected job, and the keys."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from gaffer_cli.printable import printable
from gaffer_cli.top.cells import HEAD, format_cells, format_total
from gaffer_cli.top.rows import Row
from gaffer_cli.top.view import View

_KEYS = " q quit  j/k select  c cpu  m mem  n name"
_STYLES = {"stopped": "dim", "flapping": "yellow", "given up": "red"}
_NUMBERS = {"RUN/WANT", "CPU%", "MEM", "RESTARTS"}
_MIN_NAME_WIDTH = 12
_MAX_OUTPUT = 12
"""Lines."""
_MIN_ROWS = 5
"""Rows that take precedence over output."""


def render(view: View, output: Sequence[str], where: str, width: int, height: int) -> Group:
    """Render the whole screen.

    Args:
        view: the view.
        output: the last lines of the selected job.
        where: the address of gafferd.
        width: of the terminal, cells.
        height: of the terminal, lines.
    """
    room = height - 3
    below = min(_MAX_OUTPUT, max(0, room - max(_MIN_ROWS, room // 2)))
    shown = view.visible_rows(room - below)
    lines = [_title(view, where, width), *_table(view, shown, width)]
    lines += [Text()] * (2 + room - below - len(lines))
    lines += _output(view.selected, output, below, width)
    lines.append(Text(_KEYS + f"  (by {view.order})", style="reverse"))
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    lines[-1].pad_right(max(0, width - lines[-1].cell_len))
    return Group(*lines[-height:] if height < 3 else lines)


def _title(view: View, where: str, width: int) -> Text:
    if view.lost is not None:
        return Text(f"waiting for gafferd: {printable(view.lost)}", style="bold red")
    text = f"gaffer at {where}: {format_total(view.rows)}"
    clock = time.strftime("  %H:%M:%S").rjust(width - len(text))
    return Text(text + clock if len(text + clock) <= width else text, style="bold")


def _table(view: View, shown: list[Row], width: int) -> list[Text]:
    lines = [HEAD, *map(format_cells, shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    # As wide as the longest name of all jobs, so that columns do not move on scrolling.
    longest = max((len(row.name) for row in view.rows), default=0)
    # But at most half of the screen, to leave room for the other columns.
    widths[0] = max(_MIN_NAME_WIDTH, min(longest, width // 2))
    texts = [Text(_join(line, widths)) for line in lines]
    texts[0].stylize("bold underline")
    for row, text in zip(shown, texts[1:], strict=True):
        if row is view.selected:
            text.stylize("reverse")
        text.stylize(_style(row))
    return texts


def _join(line: list[str], widths: list[int]) -> str:
    name = line[0] if len(line[0]) <= widths[0] else line[0][: widths[0] - 1] + "…"
    return "  ".join(
        cell.rjust(width) if title in _NUMBERS else cell.ljust(width)
        for title, cell, width in zip(HEAD, [name, *line[1:]], widths, strict=True)
    )


def _style(row: Row) -> str:
    if row.state in _STYLES:
        return _STYLES[row.state]
    return "yellow" if row.running < row.numprocesses else ""


def _output(selected: Row | None, output: Sequence[str], number: int, width: int) -> list[Text]:
    if not number:
        return []
    title = "" if selected is None else f" {selected.name}: {printable(selected.condition)} "
    lines = [Text(f"--{title:-<{max(0, width - 2)}}", style="bold")]
    lines += [Text(line) for line in list(output)[1 - number :]] if number > 1 else []
    return [*lines, *[Text()] * (number - len(lines))]
