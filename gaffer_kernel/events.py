"""Events: one bounded log for the whole kernel, a cursor for each subscriber.

Publishing appends to the log and wakes who waits; it never blocks and never copies. A subscriber
who falls further behind than the log is long loses the oldest entries and can see how many.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

LOG_LENGTH = 10_000
"""How many entries the log keeps at the least (the seed's max_size)."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened, with its number and its time.

    `seq` counts up from 1 without a gap; `time` is the wall clock in seconds, for people: nothing
    is decided by it. `name` is the shown name of the job (or of the plugin), `data` what else is
    known.
    """

    seq: int
    time: float
    event: str
    name: str
    session: str | None = None
    job: str | None = None
    data: dict[str, Any] = {}

    @property
    def topic(self) -> str:
        """The second name of a job's event, `proc.<name>.<event>`; the plain one of any other."""
        if self.job is None or self.event.startswith("proc."):
            return self.event
        return f"proc.{self.name}.{self.event}"

    def to_dict(self) -> dict[str, Any]:
        """The event as it goes over the wire."""
        head: dict[str, Any] = {"event": self.event, "name": self.name}
        if self.job is not None:
            head |= {"session": self.session, "job": self.job}
        return head | self.data | {"seq": self.seq, "time": self.time}


class EventBus:
    """The log, who reads it, and who is told at once.

    Args:
        length: entries to keep.
        wall: the clock shown in events, seconds since the epoch.
        on_event: called with every event, in order; must not block. The kernel passes the plugins'
            `gaffer_event` here.
    """

    def __init__(
        self,
        length: int = LOG_LENGTH,
        *,
        wall: Callable[[], float] = time.time,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        self._log: list[Event] = []
        self._first = 0  # position of _log[0], counted from the first entry ever
        self._length = length
        self._wall = wall
        self._on_event = on_event
        self._untold: deque[Event] = deque()
        self._telling = False
        self._waiting = trio.lowlevel.ParkingLot()
        self.seq = 0
        self.subscribers = 0
        self.closed = False

    def publish(
        self,
        event: str,
        *,
        name: str,
        session: str | None = None,
        job: str | None = None,
        **data: Any,
    ) -> Event:
        """Append an event to the log and wake the subscribers. Never blocks.

        A job's event is logged under its two names, `spawn` and `proc.<name>.spawn`, with one
        number.
        """
        self.seq += 1
        entry = Event(self.seq, self._wall(), event, name, session, job, data)
        self._log.append(entry)
        if job is not None:
            self._log.append(Event(self.seq, entry.time, entry.topic, name, session, job, data))
        if len(self._log) > 2 * self._length:
            self._trim()
        if self._waiting:
            self._waiting.unpark_all()
        if self._on_event is not None:
            self._tell(entry)
        return entry

    def _trim(self) -> None:
        surplus = len(self._log) - self._length
        if self._log[surplus].seq == self._log[surplus - 1].seq:
            surplus -= 1  # the two names of an event stay together
        del self._log[:surplus]
        self._first += surplus

    def _tell(self, entry: Event) -> None:
        # A hook may publish in its turn: queued, so that every hook sees the events in one order.
        self._untold.append(entry)
        if self._telling or self._on_event is None:
            return
        self._telling = True
        try:
            while self._untold:
                self._on_event(self._untold.popleft())
        finally:
            self._telling = False

    @asynccontextmanager
    async def subscribe(
        self, *patterns: str, since: int | None = None
    ) -> AsyncIterator[Subscription]:
        """Follow the events that match one of the patterns, from now on or from after a number.

        Args:
            patterns: `.` for everything, else a name or the dotted beginning of one: `spawn`,
                `proc.dummy`, `proc.dummy.exit`. None given means everything.
            since: the `seq` of the last event already seen; those after it come first. What the log
                no longer holds is counted in `dropped`.

        The subscription counts from the moment the block is entered; nothing published inside the
        block is missed. Waiting for the next event can be cancelled and loses nothing.
        """
        self.subscribers += 1
        try:
            yield Subscription(self, patterns or (".",), since)
        finally:
            self.subscribers -= 1

    def close(self) -> None:
        """End every subscription once it has read what is in the log."""
        self.closed = True
        self._waiting.unpark_all()


class Subscription:
    """An asynchronous iterator over the events a subscriber asked for.

    Attributes:
        dropped: how many events left the log before they could be read, whatever their names.
    """

    def __init__(self, bus: EventBus, patterns: tuple[str, ...], since: int | None) -> None:
        self._bus = bus
        self._everything = "." in patterns
        self._names = tuple(pattern.strip(".") for pattern in patterns)
        self._prefixes = tuple(f"{name}." for name in self._names)
        self._pending: deque[Event] = deque()
        self.dropped = 0
        self._seen = bus.seq
        self._position = bus._first + len(bus._log)
        if since is not None:
            self._rewind(since)

    def _rewind(self, since: int) -> None:
        log = self._bus._log
        oldest = log[0].seq if log else self._bus.seq + 1
        self.dropped = max(0, oldest - since - 1)
        self._seen = min(since + self.dropped, self._seen)
        self._position = self._bus._first + bisect_right(log, since, key=lambda entry: entry.seq)

    def _matches(self, event: Event) -> bool:
        return event.event in self._names or event.event.startswith(self._prefixes)

    @property
    def _is_behind(self) -> bool:
        return self._position < self._bus._first + len(self._bus._log)

    def _take(self) -> list[Event]:
        bus = self._bus
        if self._position < bus._first:
            self.dropped += bus._log[0].seq - self._seen - 1
            self._position = bus._first
        self._seen = bus.seq
        news = bus._log[self._position - bus._first :]
        self._position += len(news)
        return news if self._everything else [event for event in news if self._matches(event)]

    async def batch(self) -> list[Event]:
        """All that is pending, at least one event; an empty list once the bus is closed.

        Cancelling the wait loses nothing.
        """
        if self._pending or self._is_behind or self._bus.closed:
            await trio.lowlevel.checkpoint()
        while not (news := self._next()) and not self._bus.closed:
            await self._bus._waiting.park()
        return news

    def _next(self) -> list[Event]:
        news = self._take()
        if self._pending:
            news = [*self._pending, *news]
            self._pending.clear()
        return news

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        if not self._pending:
            self._pending.extend(await self.batch())
        else:
            await trio.lowlevel.checkpoint()
        if not self._pending:
            raise StopAsyncIteration
        return self._pending.popleft()
