"""The table: a row for each figure, with its bound and whether the bound is met."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

HEAD = ("figure", "gaffer", "baseline", "ratio", "supervisord", "circus", "bound", "met")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A limit for the value of a row, or for its ratio to the baseline."""

    limit: float
    relative: bool = False
    at_least: bool = False

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Return whether a row meets it; a missing ratio does not."""
        number = ratio if self.relative else value
        if number is None:
            return False
        return number >= self.limit if self.at_least else number <= self.limit

    def text(self, unit: str) -> str:
        """Return its text in the table."""
        sign = ">=" if self.at_least else "<="
        return (
            f"{sign} {self.limit:g} x"
            if self.relative
            else f"{sign} {format_value(self.limit, unit)}"
        )


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: a value of gaffer and the values it is compared with.

    `baseline` was measured in the same rounds and is the divisor of the ratio; `supervisord` and
    `circus` are numbers of the same unit, or the reason why there is none.
    """

    figure: str
    gaffer: float
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    ratio: float | None = None
    supervisord: float | str = "-"
    circus: float | str = "-"
    bound: Bound | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bound is met; None without a bound."""
        return self.bound.is_met(self.gaffer, self.ratio) if self.bound else None

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the columns of HEAD."""
        baseline = "-"
        if self.baseline is not None:
            baseline = f"{format_value(self.baseline, self.unit)} {self.baseline_name}".rstrip()
        return (
            self.figure,
            format_value(self.gaffer, self.unit),
            baseline,
            f"{self.ratio:.2f}" if self.ratio is not None else "-",
            format_value(self.supervisord, self.unit),
            format_value(self.circus, self.unit),
            self.bound.text(self.unit) if self.bound else "-",
            {True: "yes", False: "NO", None: "-"}[self.met],
        )


def format_value(value: float | str, unit: str) -> str:
    """Format a number with three significant digits and its unit; return words unchanged."""
    if isinstance(value, str):
        return value
    if math.isinf(value):
        return "never"
    if value and abs(value) < 1000:
        text = f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:,.0f}"
    return f"{text} {unit}".rstrip()


def markdown(rows: Iterable[Row]) -> str:
    """Return the whole table as Markdown, aligned for a terminal."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in (HEAD, rule, *lines[1:])
    )
