"""Jobs and the nodes that have them, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gaffer_cli.printable import printable
from gaffer_cli.table import format_table

if TYPE_CHECKING:
    from gaffer_client import Source


def format_sources(jobs: Iterable[tuple[str, list[Source]]]) -> Iterator[str]:
    """Format a line for each job and each node that has it."""
    rows = [
        [name, source.name, source.node_info.origin, " ".join(map(str, source.pids)) or "-"]
        for name, sources in jobs
        for source in sources
    ]
    shown = [[printable(text) for text in row] for row in sorted(rows)]
    return format_table(["JOB", "NODE", "ORIGIN", "PIDS"], shown)
