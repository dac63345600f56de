"""The table: a row for each figure, with its bound and whether it is met."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

HEAD = ("figure", "gaffer", "beside it", "ratio", "supervisord", "circus", "bound", "met")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What is demanded of a row's value, or of its ratio to what is beside it."""

    limit: float
    of_ratio: bool = False
    at_least: bool = False

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether a row keeps it; a ratio that could not be measured is not met."""
        number = ratio if self.of_ratio else value
        if number is None:
            return False
        return number >= self.limit if self.at_least else number <= self.limit

    def text(self, unit: str) -> str:
        """As the table shows it."""
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.limit:g} x" if self.of_ratio else f"{sign} {shown(self.limit, unit)}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: a value of gaffer and what it is compared with.

    `beside` was measured in the same rounds and makes the ratio; `supervisord` and `circus` are
    numbers of the same unit, or a word on why there is none.
    """

    figure: str
    gaffer: float
    unit: str
    beside: float | None = None
    beside_name: str = ""
    ratio: float | None = None
    supervisord: float | str = "-"
    circus: float | str = "-"
    bound: Bound | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None without one."""
        return self.bound.is_met(self.gaffer, self.ratio) if self.bound else None

    def cells(self) -> tuple[str, ...]:
        """The texts of the columns of HEAD."""
        beside = "-"
        if self.beside is not None:
            beside = f"{shown(self.beside, self.unit)} {self.beside_name}".rstrip()
        return (
            self.figure,
            shown(self.gaffer, self.unit),
            beside,
            f"{self.ratio:.2f}" if self.ratio is not None else "-",
            shown(self.supervisord, self.unit),
            shown(self.circus, self.unit),
            self.bound.text(self.unit) if self.bound else "-",
            {True: "yes", False: "NO", None: "-"}[self.met],
        )


def shown(value: float | str, unit: str) -> str:
    """A number with three digits that count, and its unit; words as they are."""
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
    """The whole table, in a form that docs/benchmarks.md can hold as well as a terminal."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in (HEAD, rule, *lines[1:])
    )
