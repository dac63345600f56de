"""What is shown of each job, out of what gafferd tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gaffer_client import JobStats, NamedStatus, Sample

from gaffer_cli.condition import condition
from gaffer_cli.top.meter import with_children


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job at one moment.

    Attributes:
        state: in a word: `active`, `stopped`, `flapping` or `given up`.
        condition: the same, and why it does not do what is wanted of it.
        ended: the pids of the last that have ended, whose last words are kept.
        cpu: percent of one processor, of its processes and their children; None if nobody measures.
        mem: their resident memory, bytes; None if nobody measures.
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
"""In which order rows can stand."""


def rows(
    statuses: Iterable[NamedStatus],
    stats: Iterable[JobStats] | None,
    cpu: Callable[[Sample], float] = lambda sample: sample.cpu or 0.0,
) -> list[Row]:
    """What is shown of each job.

    Args:
        statuses: of all jobs.
        stats: of all jobs; None if nobody measures.
        cpu: how much of a processor a process takes, in percent.
    """
    measured = {each.name: list(with_children(each.stats)) for each in stats or ()}
    return [_row(status, measured.get(status.name), cpu) for status in statuses]


def _row(status: NamedStatus, every: list[Sample] | None, cpu: Callable[[Sample], float]) -> Row:
    return Row(
        name=status.name,
        state=_state(status),
        condition=condition(status),
        running=status.running,
        numprocesses=status.numprocesses,
        pids=status.pids,
        ended=status.ended,
        restarts=status.restarts,
        cpu=None if every is None else round(sum(map(cpu, every), 0.0), 1),
        mem=None if every is None else sum(each.mem_info1 or 0 for each in every),
    )


def _state(status: NamedStatus) -> str:
    if status.flapping.gave_up:
        return "given up"
    if status.flapping.waiting:
        return "flapping"
    return "active" if status.active else "stopped"
