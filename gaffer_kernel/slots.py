"""The places of a job: one for each wanted instance, with what is in it and when it is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from gaffer_kernel.process import Process


@dataclass(slots=True)
class Slot:
    """The place of instance `number`: a process, or a time at which it is to be started.

    `retiring` is the process that is stopped as soon as its successor runs; `short_lives` counts the
    lives in a row that ended too early.
    """

    number: int
    due: float = 0.0
    process: Process | None = None
    retiring: Process | None = None
    short_lives: int = 0


@dataclass(slots=True)
class Slots:
    """The places of a job, by number."""

    _by_number: dict[int, Slot] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, process: Process) -> Slot | None:
        """The place that holds a process; None for a one-off or one that is being replaced."""
        slot = self._by_number.get(process.number)
        return slot if slot is not None and slot.process is process else None

    def resize(self, wanted: int, now: float) -> list[Process]:
        """Have this many places, the new ones due now.

        Surplus places go: the empty ones first, then those of the oldest processes, which are
        returned, oldest first.
        """
        surplus = len(self._by_number) - wanted
        released = []
        for slot in sorted(self._by_number.values(), key=_age)[: max(0, surplus)]:
            del self._by_number[slot.number]
            released += [process for process in (slot.process, slot.retiring) if process]
        number = 0
        while len(self._by_number) < wanted:
            number += 1
            if number not in self._by_number:
                self._by_number[number] = Slot(number, due=now)
        return released

    def next_due(self) -> Slot | None:
        """The empty place that is to be filled first."""
        empty = [slot for slot in self._by_number.values() if slot.process is None]
        return min(empty, key=lambda slot: (slot.due, slot.number), default=None)

    def fill_at(self, when: float, *, forgive: bool) -> None:
        """Make every empty place due at a time; with `forgive`, forget the short lives as well."""
        for slot in self._by_number.values():
            slot.due = when
            if forgive:
                slot.short_lives = 0


def _age(slot: Slot) -> float:
    return slot.process.pid if slot.process is not None else -inf
