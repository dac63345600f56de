"""Events in the forms of a feed, and the source of a feed of events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from gaffer_kernel import Event, EventBus, Subscription

from gaffer_http.feeds import sse
from gaffer_http.feeds.feed import Source
from gaffer_http.feeds.forms import GAP

Events = list[Event]

_REMEMBERED = 4096
"""Events whose encoded forms are kept: more than are published until every client has got them."""


class EventForms:
    """Events in each form, encoded once for all clients.

    Plugins may put values into an event that JSON cannot represent: they are sent as text.
    """

    def __init__(self) -> None:
        self._json = msgspec.json.Encoder(enc_hook=str)
        self._made: dict[tuple[int, str, bool], bytes] = {}

    def line(self, event: Event) -> bytes:
        """Return a JSON object in a line of its own."""
        return self._form(event, False)

    def message(self, event: Event) -> bytes:
        """Return a server-sent event with its number."""
        return self._form(event, True)

    def _form(self, event: Event, as_message: bool) -> bytes:
        key = (event.seq, event.event, as_message)
        form = self._made.get(key)
        if form is None:
            form = self._json.encode(event.to_dict())
            if as_message:
                form = sse.message(form.decode(), event=event.event, seq=event.seq)
            else:
                form += b"\n"
            # A gap belongs to a single client.
            if event.event != GAP:
                self._remember(key, form)
        return form

    def _remember(self, key: tuple[int, str, bool], form: bytes) -> None:
        if len(self._made) >= _REMEMBERED:
            self._made.clear()
        self._made[key] = form


@asynccontextmanager
async def open_events(
    bus: EventBus,
    pattern: str | None,
    since: int | None,
    admits: Callable[[Event], bool] | None = None,
) -> AsyncIterator[Source[Events]]:
    """Subscribe to the events of a feed.

    Args:
        bus: where they are published.
        pattern: which ones; None for all, each under its plain name only.
        since: the number of the last one already seen; None for from now on.
        admits: returns whether the caller may see an event; None for all.
    """
    restarted = since is not None and since > bus.seq
    start = 0 if restarted else since
    async with bus.subscribe(*([pattern] if pattern else []), since=start) as subscription:
        watch = _Watch(bus, subscription, admits, everything=pattern is None)
        if restarted or subscription.dropped:
            watch.begin_with_gap((start or 0) + subscription.dropped, restarted)
        yield watch


class _Watch:
    def __init__(
        self,
        bus: EventBus,
        subscription: Subscription,
        admits: Callable[[Event], bool] | None,
        *,
        everything: bool,
    ) -> None:
        self._bus = bus
        self._subscription = subscription
        self._admits = admits
        self._everything = everything
        self._reported = 0
        self._first: Events = []

    def begin_with_gap(self, seq: int, restarted: bool) -> None:
        self._first = [self._gap(seq, restarted=restarted)]

    async def receive(self) -> Events | None:
        first, self._first = self._first, []
        while not first:
            first = await self._subscription.batch()
            if not first:
                return None
            seq = first[0].seq - 1
            if self._everything:
                first = [event for event in first if not _is_second(event)]
            if self._admits is not None:
                first = list(filter(self._admits, first))
            if self._subscription.dropped > self._reported:
                first = [self._gap(seq), *first]
        return first

    def _gap(self, seq: int, **more: object) -> Event:
        """Return the event that reports missing events; `seq` is the number of the last of them."""
        dropped = self._subscription.dropped - self._reported
        self._reported = self._subscription.dropped
        data = {"dropped": dropped, **more}
        return Event(seq, time.time(), GAP, "gaffer", data=data)


def _is_second(event: Event) -> bool:
    """Return whether this is the second publication of an event, as `proc.<name>.<event>`."""
    return event.job is not None and event.event == event.topic
