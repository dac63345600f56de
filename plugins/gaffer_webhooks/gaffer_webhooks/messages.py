"""Messages, what can happen to them, and the two lists they are in: pending and dead.

Both change by records only, so that a file of records is all it takes to have them back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

MAX_BYTES = 4 * 2**20
"""Of the bodies of one list."""


class Added(msgspec.Struct, frozen=True, tag_field="op", tag="add"):
    """A message: its id, the name of the event, the event as JSON."""

    id: str
    event: str
    body: msgspec.Raw


class Removed(msgspec.Struct, frozen=True, tag_field="op", tag="done"):
    """A message was delivered, dropped or forgotten."""

    id: str


class Died(msgspec.Struct, frozen=True, tag_field="op", tag="dead"):
    """A message is not sent any more: why, after how many tries, and when (wall clock)."""

    id: str
    reason: str
    tries: int
    time: float


class Revived(msgspec.Struct, frozen=True, tag_field="op", tag="again"):
    """A dead message is to be sent again."""

    id: str


Record = Added | Removed | Died | Revived


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was given up, as lists show it.

    Attributes:
        id: the `webhook-id`.
        event: the name of the event.
        reason: what the last try came to.
        tries: how many there were.
        time: when it was given up, seconds since the epoch.
        body: the event, JSON.
    """

    id: str
    event: str
    reason: str
    tries: int
    time: float
    body: msgspec.Raw


class Letters:
    """The messages of one URL.

    Args:
        most: how many may be pending, and how many dead.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pending: OrderedDict[str, Added] = OrderedDict()
        self._dead: OrderedDict[str, tuple[Added, Died]] = OrderedDict()
        self._pending_bytes = 0
        self._dead_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def first(self) -> Added | None:
        """The pending message that is sent next."""
        return next(iter(self._pending.values()), None)

    def dead(self) -> list[DeadLetter]:
        """Those that were given up, the oldest first."""
        return [
            DeadLetter(each.id, each.event, died.reason, died.tries, died.time, each.body)
            for each, died in self._dead.values()
        ]

    def dead_ids(self) -> list[str]:
        """The ids of those that were given up."""
        return list(self._dead)

    def apply(self, record: Record) -> None:
        """Change as a record says; one about a message that is not there changes nothing."""
        match record:
            case Added():
                self._add(record)
            case Removed():
                if self._take(record.id) is None:
                    self._take_dead(record.id)
            case Died():
                if (letter := self._take(record.id)) is not None:
                    self._dead[record.id] = letter, record
                    self._dead_bytes += len(letter.body)
            case Revived():
                if (letter := self._take_dead(record.id)) is not None:
                    self._add(letter)

    def _add(self, letter: Added) -> None:
        self._pending[letter.id] = letter
        self._pending_bytes += len(letter.body)

    def _take(self, letter_id: str) -> Added | None:
        letter = self._pending.pop(letter_id, None)
        self._pending_bytes -= len(letter.body) if letter is not None else 0
        return letter

    def _take_dead(self, letter_id: str) -> Added | None:
        letter, _ = self._dead.pop(letter_id, (None, None))
        self._dead_bytes -= len(letter.body) if letter is not None else 0
        return letter

    def surplus(self) -> Removed | None:
        """What has to happen while there are more than allowed: the oldest goes."""
        if len(self._pending) > self._most or self._pending_bytes > MAX_BYTES:
            return Removed(next(iter(self._pending)))
        if len(self._dead) > self._most or self._dead_bytes > MAX_BYTES:
            return Removed(next(iter(self._dead)))
        return None

    def oldest(self) -> Removed | None:
        """What rids of the oldest message, a dead one if there is one; None when there is none."""
        letter = next(iter(self._dead), None) or next(iter(self._pending), None)
        return Removed(letter) if letter is not None else None

    def records(self) -> Iterator[Record]:
        """The shortest way to make lists like these."""
        for letter, died in self._dead.values():
            yield letter
            yield died
        yield from self._pending.values()

    @property
    def weight(self) -> int:
        """About how many bytes these records are in a file."""
        return self._pending_bytes + self._dead_bytes + 200 * (len(self._pending) + len(self._dead))
