"""The queue of one URL: its messages and their file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import trio

from gaffer_webhooks.journal import Journal
from gaffer_webhooks.messages import (
    DeadLetter,
    DeadLettered,
    Enqueued,
    Messages,
    Record,
    Removed,
    Requeued,
)

log = logging.getLogger(__package__)


class Outbox:
    """The messages of one URL.

    Args:
        label: its name in the log.
        path: the file of the messages.
        limit: the maximum number of pending messages, and of dead letters.
        on_write: called with the outbox after a write, to schedule a flush.

    Attributes:
        journal: the file.
        dropped: the number of messages lost since it was opened, because there were too many here
            or for all URLs.
    """

    def __init__(
        self, label: str, path: Path, limit: int, on_write: Callable[[Outbox], object]
    ) -> None:
        self._label = label
        self._messages = Messages(limit)
        self._on_write = on_write
        self._arrivals = trio.lowlevel.ParkingLot()
        self._logged: set[str] = set()
        self.journal = Journal(path, self._messages)
        self.dropped = 0

    def open(self) -> None:
        """Read the messages in the file.

        Raises:
            OSError: it cannot be read.
        """
        self.journal.open()
        # Drop what exceeds limits that have been lowered since.
        self._record([])
        if self.journal.error is not None:
            self._on_write(self)

    def __len__(self) -> int:
        return len(self._messages)

    def get_first(self) -> Enqueued | None:
        """Return the pending message that is sent next."""
        return self._messages.get_first()

    def list_dead(self) -> list[DeadLetter]:
        """Return the dead letters, the oldest first."""
        return self._messages.list_dead()

    @property
    def dead_count(self) -> int:
        """The number of dead letters."""
        return len(self._messages.get_dead_ids())

    @property
    def size(self) -> int:
        """About how many bytes the messages take, the pending and the dead."""
        return self._messages.size

    async def wait_pending(self) -> None:
        """Wait until there is a pending message."""
        await trio.lowlevel.checkpoint()
        while not self._messages:
            await self._arrivals.park()

    def enqueue(self, messages: Sequence[Enqueued]) -> None:
        """Append messages to the pending ones."""
        self._record(messages)

    def remove(self, message_id: str) -> None:
        """Remove a message that was delivered or is no longer wanted."""
        self._record([Removed(message_id)])
        if not self._messages:
            self._logged.clear()

    def give_up(self, message_id: str, reason: str, tries: int) -> None:
        """Move a message to the dead letters."""
        self._record([DeadLettered(message_id, reason, tries, time.time())])

    def requeue(self, ids: Iterable[str] | None) -> int:
        """Enqueue dead letters again, all without `ids`; return their number."""
        return self._record_dead(Requeued, ids)

    def forget(self, ids: Iterable[str] | None) -> int:
        """Remove dead letters, all without `ids`; return their number."""
        return self._record_dead(Removed, ids)

    def _record_dead(self, kind: type[Requeued | Removed], ids: Iterable[str] | None) -> int:
        chosen = None if ids is None else set(ids)
        records = [
            kind(each) for each in self._messages.get_dead_ids() if chosen is None or each in chosen
        ]
        self._record(records)
        return len(records)

    def _record(self, records: Sequence[Record]) -> None:
        applied = list(records)
        for record in records:
            self._messages.apply(record)
        while (surplus := self._messages.get_surplus()) is not None:
            self._messages.apply(surplus)
            applied.append(surplus)
            self._count_dropped("too many messages wait or are dead")
        self._write(applied)
        if self._messages:
            self._arrivals.unpark_all()

    def drop_oldest(self, size: int) -> int:
        """Drop the oldest messages, dead letters first.

        Args:
            size: bytes to drop.

        Returns:
            The bytes dropped: a little more than `size`, or less when nothing is left.
        """
        before, applied = self.size, list[Record]()
        while before - self.size < size and (oldest := self._messages.get_oldest()) is not None:
            self._messages.apply(oldest)
            applied.append(oldest)
            self._count_dropped("the messages for all URLs take too much, and for this one most")
        self._write(applied)
        return before - self.size

    def _write(self, records: Sequence[Record]) -> None:
        if records and not self.journal.closed:
            self.journal.append(records)
            self._on_write(self)

    def _count_dropped(self, reason: str) -> None:
        self.dropped += 1
        if reason not in self._logged:
            self._logged.add(reason)
            log.warning("%s: %s: dropping the oldest", self._label, reason)
