"""The places of a job: one for each wanted instance, with what is in it and when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf

from gaffer_kernel.processes.process import Process


@dataclass(slots=True)
class Slot:
    """The place of instance `number`: a process, or a time at which it is to be started.

    `retiring` is the process that is stopped as soon as its successor runs; `short_lives` counts
    the lives in a row that ended too early.
    """

    number: int
    due: float = 0.0
    process: Process | None = None
    retiring: Process | None = None
    short_lives: int = 0


class Slots:
    """The places of a job, by number, and the order in which the empty ones are to be filled."""

    def __init__(self) -> None:
        self._by_number: dict[int, Slot] = {}
        self._free: list[int] = []
        # The empty places by time; an entry that is no longer true is dropped when it comes up.
        self._due: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._by_number)

    def holding(self, process: Process) -> Slot | None:
        """The place a process fills; None for a one-off, or one whose successor is awaited."""
        slot = self._by_number.get(process.number)
        return slot if slot is not None and slot.process is process else None

    def forget_retiring(self, process: Process) -> None:
        """A process that was to be stopped once its successor runs has ended before."""
        slot = self._by_number.get(process.number)
        if slot is not None and slot.retiring is process:
            slot.retiring = None

    def vacate(self, slot: Slot, due: float) -> None:
        """Empty a place, to be filled at a time of the monotonic clock."""
        slot.process = None
        slot.due = due
        heappush(self._due, (due, slot.number))

    def retire_all(self, now: float) -> None:
        """Have every process replaced by a successor, and only then stopped."""
        for slot in self._by_number.values():
            if slot.process is not None and slot.retiring is None:
                slot.retiring = slot.process
                self.vacate(slot, now)

    def forgive(self, now: float) -> None:
        """Have every empty place filled now, and forget short lives."""
        for slot in self._by_number.values():
            slot.short_lives = 0
            if slot.process is None:
                self.vacate(slot, now)

    def postpone(self, until: float) -> None:
        """Fill no empty place before a time."""
        for slot in self._by_number.values():
            if slot.process is None:
                self.vacate(slot, max(until, slot.due))

    def next_due(self) -> Slot | None:
        """The empty place that is to be filled first."""
        while self._due:
            due, number = self._due[0]
            slot = self._by_number.get(number)
            if slot is not None and slot.process is None and slot.due == due:
                return slot
            heappop(self._due)
        return None

    def resize(self, wanted: int, now: float) -> list[Process]:
        """Have this many places, the new ones due now.

        Surplus places go: the empty ones first, then those of the oldest processes, which are
        returned, oldest first.
        """
        if wanted < len(self._by_number):
            return self._shrink(len(self._by_number) - wanted)
        while len(self._by_number) < wanted:
            number = heappop(self._free) if self._free else len(self._by_number) + 1
            slot = self._by_number[number] = Slot(number)
            self.vacate(slot, now)
        return []

    def _shrink(self, surplus: int) -> list[Process]:
        released = []
        for slot in sorted(self._by_number.values(), key=_age)[:surplus]:
            del self._by_number[slot.number]
            heappush(self._free, slot.number)
            released += [process for process in (slot.retiring, slot.process) if process]
        if not self._by_number:
            self._free.clear()
        else:
            heapify(self._free)
        return released


def _age(slot: Slot) -> float:
    return slot.process.pid if slot.process is not None else -inf
