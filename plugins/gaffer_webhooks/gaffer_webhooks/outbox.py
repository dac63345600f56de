"""What waits to be sent to one URL: the letters, and their file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import trio

from gaffer_webhooks.journal import Journal
from gaffer_webhooks.messages import Added, DeadLetter, Died, Letters, Record, Removed, Revived

log = logging.getLogger(__package__)


class Outbox:
    """The messages of one URL.

    Args:
        label: what the log calls it.
        path: its file.
        most: how many messages may wait, and how many may be dead.
        written: called with it when there is something for the keeper to do.

    Attributes:
        journal: its file.
        dropped: how many messages were lost because there were too many, here or for all URLs,
            since it was opened.
    """

    def __init__(
        self, label: str, path: Path, most: int, written: Callable[[Outbox], object]
    ) -> None:
        self._label = label
        self._letters = Letters(most)
        self._written = written
        self._news = trio.lowlevel.ParkingLot()
        self._told: set[str] = set()
        self.journal = Journal(path, self._letters)
        self.dropped = 0

    def open(self) -> None:
        """Take up what was left in the file.

        Raises:
            OSError: it cannot be read.
        """
        self.journal.open()
        # There may be more than are allowed by now.
        self._record([])
        if self.journal.problem is not None:
            self._written(self)

    def __len__(self) -> int:
        return len(self._letters)

    def first(self) -> Added | None:
        """The message that is sent next."""
        return self._letters.first()

    def dead(self) -> list[DeadLetter]:
        """The messages that were given up, the oldest first."""
        return self._letters.dead()

    @property
    def dead_count(self) -> int:
        """How many messages were given up."""
        return len(self._letters.dead_ids())

    @property
    def weight(self) -> int:
        """About how many bytes its messages are, those that wait and the dead."""
        return self._letters.weight

    async def wait(self) -> None:
        """Wait until there is something to send."""
        await trio.lowlevel.checkpoint()
        while not self._letters:
            await self._news.park()

    def add(self, letters: Sequence[Added]) -> None:
        """Put messages behind those that wait."""
        self._record(letters)

    def remove(self, letter: str) -> None:
        """A message was delivered."""
        self._record([Removed(letter)])
        if not self._letters:
            self._told.clear()

    def give_up(self, letter: str, reason: str, tries: int) -> None:
        """A message is dead."""
        self._record([Died(letter, reason, tries, time.time())])

    def revive(self, ids: Iterable[str] | None) -> int:
        """Send dead messages again, all or some; return how many there were."""
        return self._of_dead(Revived, ids)

    def forget(self, ids: Iterable[str] | None) -> int:
        """Remove dead messages, all or some; return how many there were."""
        return self._of_dead(Removed, ids)

    def _of_dead(self, kind: type[Revived | Removed], ids: Iterable[str] | None) -> int:
        wanted = None if ids is None else set(ids)
        records = [
            kind(each) for each in self._letters.dead_ids() if wanted is None or each in wanted
        ]
        self._record(records)
        return len(records)

    def _record(self, records: Sequence[Record]) -> None:
        done = list(records)
        for record in records:
            self._letters.apply(record)
        while (surplus := self._letters.surplus()) is not None:
            self._letters.apply(surplus)
            done.append(surplus)
            self._drop("too many messages wait or are dead")
        self._write(done)
        if self._letters:
            self._news.unpark_all()

    def shed(self, size: int) -> int:
        """Drop the oldest messages, first the dead, then those that wait.

        Args:
            size: bytes to be rid of.

        Returns:
            How many they were: a little more, or fewer if there were no more.
        """
        before, done = self.weight, list[Record]()
        while before - self.weight < size and (oldest := self._letters.oldest()) is not None:
            self._letters.apply(oldest)
            done.append(oldest)
            self._drop("the messages for all URLs take too much, and for this one most")
        self._write(done)
        return before - self.weight

    def _write(self, done: Sequence[Record]) -> None:
        if done and not self.journal.closed:
            self.journal.append(done)
            self._written(self)

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if why not in self._told:
            self._told.add(why)
            log.warning("%s: %s: dropping the oldest", self._label, why)
