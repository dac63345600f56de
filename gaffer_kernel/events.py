"""EventBus: one bounded log of events for the whole kernel, and a cursor for each subscriber.

Publishing appends to the log and wakes the subscribers; it never blocks and never copies. A
subscriber that falls behind by more than the length of the log loses the oldest entries, and can
read how many.
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
"""The number of entries that the log keeps at least (`max_size` in gaffer 0.5)."""

KERNEL_EVENTS = frozenset(
    [
        "create",
        "start",
        "stop",
        "restart",
        "update",
        "delete",
        "spawn",
        "reap",
        "exit",
        "stop_pid",
        "flap",
        "spawn_error",
        "crash",
        "completed",
        "failed",
        "restart_failed",
        "waiting",
        "ready",
        "unready",
        "plugin.opened",
        "plugin.closed",
        "plugin.failed",
    ]
)
"""The names of the events that the kernel publishes; those of jobs also begin with `proc.`."""


class Event(msgspec.Struct, frozen=True):
    """An entry of the log, with its number and its time.

    `seq` counts up from 1 without a gap. `time` is the wall clock in seconds; it is only shown.
    `name` is the shown name of the job, or of the plugin; `data` holds the other fields.
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
        """Return the event as JSON objects show it."""
        head: dict[str, Any] = {"event": self.event, "name": self.name}
        if self.job is not None:
            head |= {"session": self.session, "job": self.job}
        return head | self.data | {"seq": self.seq, "time": self.time}


class EventBus:
    """The log of events, its subscribers, and one synchronous callback.

    Args:
        length: the number of entries to keep.
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
        self._uncalled: deque[Event] = deque()
        self._calling = False
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
            self._call_hooks(entry)
        return entry

    def find_names(self) -> set[str]:
        """Return the names of the events in the log, each without its second name."""
        return {entry.event for entry in self._log if not entry.event.startswith("proc.")}

    def _trim(self) -> None:
        surplus = len(self._log) - self._length
        if self._log[surplus].seq == self._log[surplus - 1].seq:
            surplus -= 1  # the two entries of one event stay together
        del self._log[:surplus]
        self._first += surplus

    def _call_hooks(self, entry: Event) -> None:
        # A hook may publish, too: that event is queued, so that all hooks see one order.
        self._uncalled.append(entry)
        if self._calling or self._on_event is None:
            return
        self._calling = True
        try:
            while self._uncalled:
                self._on_event(self._uncalled.popleft())
        finally:
            self._calling = False

    @asynccontextmanager
    async def subscribe(
        self, *patterns: str, since: int | None = None
    ) -> AsyncIterator[Subscription]:
        """Subscribe to the events that match one of the patterns, from now on or after a number.

        Args:
            patterns: `.` for all events, else a name or the dotted beginning of one: `spawn`,
                `proc.dummy`, `proc.dummy.exit`. Without a pattern all events match.
            since: the `seq` of the last event already seen; the events after it come first. Those
                that the log no longer holds are counted in `dropped`.

        The subscription begins when the block is entered; it misses no event that is published
        inside the block. Waiting for the next event can be cancelled without a loss.
        """
        self.subscribers += 1
        try:
            yield Subscription(self, patterns or (".",), since)
        finally:
            self.subscribers -= 1

    def close(self) -> None:
        """End every subscription after it has read the rest of the log."""
        self.closed = True
        self._waiting.unpark_all()


class Subscription:
    """An asynchronous iterator over the events that match the patterns of a subscriber.

    Attributes:
        dropped: how many events left the log before they were read, matching or not.
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
        """Return all pending events, at least one; an empty list once the bus is closed.

        Waits for the first event; a cancellation loses nothing.
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
