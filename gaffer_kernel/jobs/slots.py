"""The slots of a job: one for each wanted instance, with its process or the time it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush
from math import inf

from gaffer_kernel.processes.process import Process


class Outcome(Enum):
    """How an instance, or a job, has ended for good: all exits were successful, or not."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(slots=True)
class Slot:
    """The slot of instance `number`: it holds a process, is empty and due at a time, or has ended.

    Attributes:
        number: from 1.
        since: when an empty slot became empty, on the monotonic clock.
        due: when an empty slot is to be filled, on the monotonic clock; infinite for never.
        is_blocked: whether a start condition is not met.
        is_announced: whether `waiting` has been published since it became empty.
        process: the process in it.
        predecessor: the process that is stopped as soon as its successor runs in this slot.
        restarts: how many restarts in a row followed exits that nobody asked for, since a process
            has lived `healthy_after`.
        is_failing: whether the last process exited unasked before it had lived so long.
        replace_reason: why the predecessor is replaced.
        reason: why the slot is empty.
        outcome: set when the slot has ended: its process exited and is not restarted.
    """

    number: int
    since: float = 0.0
    due: float = 0.0
    is_blocked: bool = False
    is_announced: bool = False
    process: Process | None = None
    predecessor: Process | None = None
    restarts: int = 0
    is_failing: bool = False
    replace_reason: str = ""
    reason: str = "about to start"
    outcome: Outcome | None = None


class Slots:
    """The slots of a job by number, and the order in which the empty ones are due."""

    def __init__(self) -> None:
        self._by_number: dict[int, Slot] = {}
        self._free: list[int] = []
        # The empty slots by time. An outdated entry is dropped when it reaches the top.
        self._due: list[tuple[float, int]] = []
        self._ended: set[int] = set()
        self._unsettled: set[int] = set()

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._by_number.values())

    def get(self, number: int) -> Slot | None:
        """Return the slot of a number; None if there is none."""
        return self._by_number.get(number)

    def get_slot(self, process: Process) -> Slot | None:
        """Return the slot that holds a process.

        None for a one-off, and for a predecessor whose successor is due.
        """
        slot = self._by_number.get(process.number)
        return slot if slot is not None and slot.process is process else None

    def list_processes(self) -> list[Process]:
        """Return the processes that the slots hold."""
        return [slot.process for slot in self._by_number.values() if slot.process is not None]

    def drop_predecessor(self, process: Process) -> bool:
        """Forget that a process has to be stopped once its successor runs: it has exited.

        Returns:
            Whether the process was a predecessor.
        """
        slot = self._by_number.get(process.number)
        if slot is None or slot.predecessor is not process:
            return False
        slot.predecessor = None
        return True

    def mark_due(self, slot: Slot, due: float) -> None:
        """Empty a slot and set the time of the monotonic clock at which it is due."""
        slot.process = slot.outcome = None
        slot.is_blocked = False
        self._ended.discard(slot.number)
        self._unsettled.add(slot.number)
        slot.due = due
        heappush(self._due, (due, slot.number))

    def fill(self, slot: Slot, process: Process) -> None:
        """Put a process into an empty slot."""
        slot.process = process
        slot.is_announced = slot.is_blocked = False
        self.update_ready(slot)

    def update_ready(self, slot: Slot) -> None:
        """Take note of the readiness of the process in a slot."""
        if slot.process is not None and slot.process.readiness.is_ready:
            self._unsettled.discard(slot.number)
        else:
            self._unsettled.add(slot.number)

    @property
    def are_settled(self) -> bool:
        """Whether each slot has a process that is ready, or has ended."""
        return not self._unsettled

    def block(self, slot: Slot) -> None:
        """Leave an empty slot empty until `unblock`: a start condition is not met."""
        slot.due, slot.is_blocked = inf, True

    def unblock(self, now: float) -> None:
        """Make each slot whose start condition was not met due now: it is asked again."""
        for slot in self._by_number.values():
            if slot.is_blocked:
                self.mark_due(slot, now)

    def end(self, slot: Slot, outcome: Outcome, reason: str) -> None:
        """Leave an empty slot empty until `reset_backoff`."""
        slot.process, slot.due = None, inf
        slot.outcome, slot.reason = outcome, reason
        self._ended.add(slot.number)
        self._unsettled.discard(slot.number)

    @property
    def outcome(self) -> Outcome | None:
        """How all slots have ended; None if a slot has not, or if there is none."""
        if not self._by_number or len(self._ended) < len(self._by_number):
            return None
        failed = any(slot.outcome is Outcome.FAILED for slot in self._by_number.values())
        return Outcome.FAILED if failed else Outcome.COMPLETED

    def replace(self, numbers: Iterable[int], now: float, reason: str) -> None:
        """Make the successors of these instances due now; their processes run until then.

        Args:
            numbers: of slots that exist.
            now: on the monotonic clock.
            reason: why the processes are replaced.
        """
        for number in numbers:
            slot = self._by_number[number]
            if slot.process is not None:
                if slot.predecessor is not None:
                    continue  # its successor runs already
                slot.predecessor = slot.process
                slot.replace_reason = slot.reason = reason
                slot.since = now
            self.mark_due(slot, now)

    def restore_predecessor(self, slot: Slot) -> None:
        """Put the predecessor of a slot back into it, instead of its successor."""
        process, slot.predecessor = slot.predecessor, None
        if process is not None:
            self.fill(slot, process)

    def reset_backoff(self, now: float) -> None:
        """Make every empty slot due now, ended ones too, and reset the restarts of every slot."""
        self.reset_restarts()
        for slot in self._by_number.values():
            if slot.process is None:
                self.mark_due(slot, now)

    def reset_restarts(self) -> None:
        """Forget how often the process of each slot has crashed."""
        for slot in self._by_number.values():
            slot.restarts = 0
            slot.is_failing = False

    def delay_until(self, time: float) -> None:
        """Make no empty slot due before a time of the monotonic clock."""
        for slot in self._by_number.values():
            if slot.process is None and slot.due < inf:
                self.mark_due(slot, max(time, slot.due))

    def is_failing(self, now: float, healthy_after: float) -> bool:
        """Return whether the process of a slot has crashed and its successor is not yet healthy.

        Args:
            now: on the monotonic clock.
            healthy_after: the uptime in seconds from which on a successor is healthy.
        """
        for slot in self._by_number.values():
            if slot.outcome is not None:
                is_failing = slot.outcome is Outcome.FAILED
            elif slot.process is None:
                is_failing = slot.is_failing or now < slot.due < inf
            else:
                is_failing = slot.is_failing and slot.process.uptime < healthy_after
            if is_failing:
                return True
        return False

    def is_waiting(self, now: float) -> bool:
        """Return whether no process runs, because each slot waits for a later time or has ended."""
        return bool(self._by_number) and all(
            slot.process is None and slot.predecessor is None and slot.due > now
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

    def resize(self, wanted: int, now: float, *, keep_lowest: bool = False) -> list[Process]:
        """Change the number of slots; new slots are due now.

        Args:
            wanted: how many slots there are to be.
            now: on the monotonic clock.
            keep_lowest: remove the slots with the highest numbers, whatever is in them.

        Returns:
            The processes of the removed slots, in the order of removal. Unless `keep_lowest`, empty
            slots are removed first, then those of the oldest processes.
        """
        if wanted < len(self._by_number):
            return self._shrink(len(self._by_number) - wanted, _descending if keep_lowest else _age)
        while len(self._by_number) < wanted:
            number = heappop(self._free) if self._free else len(self._by_number) + 1
            slot = self._by_number[number] = Slot(number, since=now)
            self.mark_due(slot, now)
        return []

    def _shrink(self, surplus: int, order: Callable[[Slot], float]) -> list[Process]:
        removed = []
        for slot in sorted(self._by_number.values(), key=order)[:surplus]:
            removed += self.remove(slot.number)
        return removed

    def remove(self, number: int) -> list[Process]:
        """Remove a slot; return its processes, the older one first."""
        slot = self._by_number.pop(number)
        self._ended.discard(number)
        self._unsettled.discard(number)
        heappush(self._free, number)
        if not self._by_number:
            self._free.clear()
        return [process for process in (slot.predecessor, slot.process) if process]


def _age(slot: Slot) -> float:
    return slot.process.pid if slot.process is not None else -inf


def _descending(slot: Slot) -> float:
    return -slot.number
