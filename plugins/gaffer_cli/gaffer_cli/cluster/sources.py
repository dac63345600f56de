"""Jobs and who has them, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gaffer_cli.columns import columns
from gaffer_cli.printable import printable

if TYPE_CHECKING:
    from gaffer_client import Source


def table(jobs: Iterable[tuple[str, list[Source]]]) -> Iterator[str]:
    """A line for each job and each gafferd that has it."""
    rows = [
        [name, source.name, source.node_info.origin, " ".join(map(str, source.pids)) or "-"]
        for name, sources in jobs
        for source in sources
    ]
    shown = [[printable(text) for text in row] for row in sorted(rows)]
    return columns(["JOB", "NODE", "ORIGIN", "PIDS"], shown)
