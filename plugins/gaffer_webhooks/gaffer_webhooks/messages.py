"""Messages of one URL: records of what happens to them, and the pending and the dead ones.

Only records change them, so a file of records restores them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

MAX_BYTES = 4 * 2**20
"""Limit for the bodies of the pending messages, and for those of the dead ones."""

RECORD_OVERHEAD = 200
"""Bytes that a record takes in the file in addition to the body, about."""


class Enqueued(msgspec.Struct, frozen=True, tag_field="op", tag="add"):
    """A message was enqueued: its id, the name of the event, the event as JSON."""

    id: str
    event: str
    body: msgspec.Raw


class Removed(msgspec.Struct, frozen=True, tag_field="op", tag="done"):
    """A message was delivered, dropped or forgotten."""

    id: str


class DeadLettered(msgspec.Struct, frozen=True, tag_field="op", tag="dead"):
    """A message was given up: why, after how many tries, and when (wall clock)."""

    id: str
    reason: str
    tries: int
    time: float


class Requeued(msgspec.Struct, frozen=True, tag_field="op", tag="again"):
    """A dead letter was enqueued again."""

    id: str


Record = Enqueued | Removed | DeadLettered | Requeued


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was given up, as lists show it.

    Attributes:
        id: the `webhook-id`.
        event: the name of the event.
        reason: why the last try failed.
        tries: the number of tries.
        time: when it was given up, seconds since the epoch.
        body: the event, JSON.
    """

    id: str
    event: str
    reason: str
    tries: int
    time: float
    body: msgspec.Raw


class Messages:
    """The pending messages and the dead letters of one URL.

    Args:
        limit: the maximum number of pending messages, and of dead letters.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending: OrderedDict[str, Enqueued] = OrderedDict()
        self._dead: OrderedDict[str, tuple[Enqueued, DeadLettered]] = OrderedDict()
        self._pending_bytes = 0
        self._dead_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def get_first(self) -> Enqueued | None:
        """Return the pending message that is sent next."""
        return next(iter(self._pending.values()), None)

    def list_dead(self) -> list[DeadLetter]:
        """Return the dead letters, the oldest first."""
        return [
            DeadLetter(each.id, each.event, end.reason, end.tries, end.time, each.body)
            for each, end in self._dead.values()
        ]

    def get_dead_ids(self) -> list[str]:
        """Return the ids of the dead letters, the oldest first."""
        return list(self._dead)

    def apply(self, record: Record) -> None:
        """Apply a record; one about an unknown message changes nothing."""
        match record:
            case Enqueued():
                self._add(record)
            case Removed():
                if self._pop_pending(record.id) is None:
                    self._pop_dead(record.id)
            case DeadLettered():
                if (message := self._pop_pending(record.id)) is not None:
                    self._dead[record.id] = message, record
                    self._dead_bytes += len(message.body)
            case Requeued():
                if (message := self._pop_dead(record.id)) is not None:
                    self._add(message)

    def _add(self, message: Enqueued) -> None:
        self._pending[message.id] = message
        self._pending_bytes += len(message.body)

    def _pop_pending(self, message_id: str) -> Enqueued | None:
        message = self._pending.pop(message_id, None)
        self._pending_bytes -= len(message.body) if message is not None else 0
        return message

    def _pop_dead(self, message_id: str) -> Enqueued | None:
        message, _ = self._dead.pop(message_id, (None, None))
        self._dead_bytes -= len(message.body) if message is not None else 0
        return message

    def get_surplus(self) -> Removed | None:
        """Return the record that removes the oldest message over a limit; None within limits."""
        if len(self._pending) > self._limit or self._pending_bytes > MAX_BYTES:
            return Removed(next(iter(self._pending)))
        if len(self._dead) > self._limit or self._dead_bytes > MAX_BYTES:
            return Removed(next(iter(self._dead)))
        return None

    def get_oldest(self) -> Removed | None:
        """Return the record that removes the oldest message, dead letters first; None if empty."""
        message_id = next(iter(self._dead), None) or next(iter(self._pending), None)
        return Removed(message_id) if message_id is not None else None

    def list_records(self) -> Iterator[Record]:
        """Return the fewest records that make these messages."""
        for message, end in self._dead.values():
            yield message
            yield end
        yield from self._pending.values()

    @property
    def size(self) -> int:
        """About how many bytes these records take in a file."""
        overhead = RECORD_OVERHEAD * (len(self._pending) + len(self._dead))
        return self._pending_bytes + self._dead_bytes + overhead
