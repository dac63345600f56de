"""The slots of a job: one for each wanted instance, with its process or the time it is due."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf

from gaffer_kernel.processes.process import Process


@dataclass(slots=True)
class Slot:
    """The slot of instance `number`: it holds a process, or is empty and due at a time.

    Attributes:
        number: from 1.
        due: when an empty slot is to be filled, on the monotonic clock.
        process: the process in it.
        predecessor: the process that is stopped as soon as its successor runs in this slot.
        early_crashes: how many processes in a row crashed before they had run long enough.
        reason: why the predecessor is replaced.
    """

    number: int
    due: float = 0.0
    process: Process | None = None
    predecessor: Process | None = None
    early_crashes: int = 0
    reason: str = ""


class Slots:
    """The slots of a job by number, and the order in which the empty ones are due."""

    def __init__(self) -> None:
        self._by_number: dict[int, Slot] = {}
        self._free: list[int] = []
        # The empty slots by time. An outdated entry is dropped when it reaches the top.
        self._due: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._by_number)

    def get_slot(self, process: Process) -> Slot | None:
        """Return the slot that holds a process.

        None for a one-off, and for a predecessor whose successor is due.
        """
        slot = self._by_number.get(process.number)
        return slot if slot is not None and slot.process is process else None

    def drop_predecessor(self, process: Process) -> None:
        """Forget that a process has to be stopped once its successor runs: it has exited."""
        slot = self._by_number.get(process.number)
        if slot is not None and slot.predecessor is process:
            slot.predecessor = None

    def mark_due(self, slot: Slot, due: float) -> None:
        """Empty a slot and set the time of the monotonic clock at which it is due."""
        slot.process = None
        slot.due = due
        heappush(self._due, (due, slot.number))

    def replace_all(self, now: float, reason: str) -> None:
        """Make a successor of every process due now; the process is stopped once that runs."""
        for slot in self._by_number.values():
            if slot.process is not None and slot.predecessor is None:
                slot.predecessor = slot.process
                slot.reason = reason
                self.mark_due(slot, now)

    def reset_backoff(self, now: float) -> None:
        """Make every empty slot due now and reset the crash counter of every slot."""
        for slot in self._by_number.values():
            slot.early_crashes = 0
            if slot.process is None:
                self.mark_due(slot, now)

    def delay_until(self, time: float) -> None:
        """Make no empty slot due before a time of the monotonic clock."""
        for slot in self._by_number.values():
            if slot.process is None:
                self.mark_due(slot, max(time, slot.due))

    def is_failing(self, now: float, healthy_after: float) -> bool:
        """Return whether the process of a slot has crashed and its successor is not yet healthy.

        Args:
            now: on the monotonic clock.
            healthy_after: the uptime in seconds from which on a successor is healthy.
        """
        return any(
            slot.due > now
            if slot.process is None and not slot.early_crashes
            else slot.early_crashes > 0
            and (slot.process is None or slot.process.uptime < healthy_after)
            for slot in self._by_number.values()
        )

    def next_due(self) -> Slot | None:
        """Return the empty slot that is due first; None if no slot is empty."""
        while self._due:
            due, number = self._due[0]
            slot = self._by_number.get(number)
            if slot is not None and slot.process is None and slot.due == due:
                return slot
            heappop(self._due)
        return None

    def resize(self, wanted: int, now: float) -> list[Process]:
        """Change the number of slots; new slots are due now.

        Returns:
            The processes of the removed slots, oldest first. Empty slots are removed first, then
            those of the oldest processes.
        """
        if wanted < len(self._by_number):
            return self._shrink(len(self._by_number) - wanted)
        while len(self._by_number) < wanted:
            number = heappop(self._free) if self._free else len(self._by_number) + 1
            slot = self._by_number[number] = Slot(number)
            self.mark_due(slot, now)
        return []

    def _shrink(self, surplus: int) -> list[Process]:
        removed = []
        for slot in sorted(self._by_number.values(), key=_age)[:surplus]:
            del self._by_number[slot.number]
            heappush(self._free, slot.number)
            removed += [process for process in (slot.predecessor, slot.process) if process]
        if not self._by_number:
            self._free.clear()
        else:
            heapify(self._free)
        return removed


def _age(slot: Slot) -> float:
    return slot.process.pid if slot.process is not None else -inf
