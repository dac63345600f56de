"""Rows as cells of a table."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_cli.top.rows import Row

HEAD = ["NAME", "STATE", "RUN/WANT", "CPU%", "MEM", "RESTARTS", "PIDS"]


def format_cells(row: Row) -> list[str]:
    """Format the cells of a job, in the order of HEAD."""
    return [
        row.name,
        row.state,
        f"{row.running}/{row.numprocesses}",
        format_percent(row.cpu),
        format_size(row.mem),
        str(row.restarts),
        ",".join(map(str, row.pids)) or "-",
    ]


def format_percent(cpu: float | None) -> str:
    """Format a share of a processor."""
    return "-" if cpu is None else f"{cpu:.1f}"


def format_size(number: float | None) -> str:
    """Format a number of bytes, with two or three significant digits."""
    if number is None:
        return "-"
    for unit in ("", "K", "M", "G"):
        if number < 1000:
            return f"{number:.0f}{unit}" if number >= 100 or not unit else f"{number:.1f}{unit}"
        number /= 1024
    return f"{number:.1f}T"


def format_total(rows: Iterable[Row]) -> str:
    """Format the totals of all jobs in one line."""
    every = list(rows)
    parts = [_counted(len(every), "job"), _counted(sum(row.running for row in every), "process")]
    if any(row.cpu is not None for row in every):
        parts.append(f"cpu {format_percent(sum(row.cpu or 0.0 for row in every))}%")
        parts.append(f"mem {format_size(sum(row.mem or 0 for row in every))}")
    return ", ".join(parts)


def _counted(number: int, thing: str) -> str:
    plural = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{number} {thing if number == 1 else plural}"
