"""The jobs as rows, from the answers of gafferd."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gaffer_client import JobStats, NamedStatus, Sample

from gaffer_cli.condition import describe_condition, get_state
from gaffer_cli.top.meter import with_children


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job at one moment.

    Attributes:
        state: `active`, `failing`, `flapping`, `given up` or `stopped`.
        condition: the condition in words, with the reason if it does not run as configured.
        ended: the pids of the last processes that exited, whose output is still stored.
        cpu: percent of one processor, of its processes and their children; None if not measured.
        mem: their resident memory in bytes; None if not measured.
    """

    name: str
    state: str
    condition: str
    running: int
    numprocesses: int
    pids: list[int]
    ended: list[int]
    restarts: int
    cpu: float | None
    mem: int | None


ORDERS: dict[str, Callable[[Row], tuple[float, str]]] = {
    "name": lambda row: (0.0, row.name),
    "cpu": lambda row: (-(row.cpu or 0.0), row.name),
    "mem": lambda row: (-(row.mem or 0), row.name),
}
"""The sort keys of the orders."""


def make_rows(
    statuses: Iterable[NamedStatus],
    stats: Iterable[JobStats] | None,
    get_cpu: Callable[[Sample], float] = lambda sample: sample.cpu or 0.0,
) -> list[Row]:
    """Make the rows of all jobs.

    Args:
        statuses: of all jobs.
        stats: of all jobs; None if not measured.
        get_cpu: returns the percentage of a processor that a process uses.
    """
    measured = {each.name: list(with_children(each.stats)) for each in stats or ()}
    return [_row(status, measured.get(status.name), get_cpu) for status in statuses]


def _row(
    status: NamedStatus, every: list[Sample] | None, get_cpu: Callable[[Sample], float]
) -> Row:
    return Row(
        name=status.name,
        state=get_state(status),
        condition=describe_condition(status),
        running=status.running,
        numprocesses=status.numprocesses,
        pids=status.pids,
        ended=status.ended,
        restarts=status.restarts,
        cpu=None if every is None else round(sum(map(get_cpu, every), 0.0), 1),
        mem=None if every is None else sum(each.mem_info1 or 0 for each in every),
    )
