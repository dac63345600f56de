"""Events as a feed tells them, resumed after the last one seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from gaffer_client import routes
from gaffer_client.errors import (
    ArgumentError,
    BusyError,
    ClientError,
    ConnectionLostError,
    NotGafferError,
    UnreachableError,
)
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT, Backoff
from gaffer_client.models import Event
from gaffer_client.requests import Request, convert

HEARTBEAT = 20.0
"""Seconds of silence after which the server says that it is there."""

OnLost = Callable[[ClientError], object]
"""Told why a connection is lost that is going to be made again."""

TRANSIENT_ERRORS = (UnreachableError, ConnectionLostError, BusyError)
"""Errors that may be over when one tries again."""


def read_event(address: str, data: Mapping[str, Any]) -> Event:
    """An event as it is told.

    Raises:
        NotGafferError: it is none.
    """
    return convert(address, {**data, "data": data}, Event, "event")


class EventFeed:
    """What is to be asked and told of one feed of events.

    Args:
        address: for errors.
        pattern: which events; all when empty.
        since: the number of the last one already seen; None for from now on.
        heartbeat: seconds of silence after which the server is to say something.
        reconnect_timeout: seconds to try to come back.
        on_lost: called once for each loss, before the first try to come back.

    Attributes:
        since: the number of the last one told.
    """

    def __init__(
        self,
        address: str,
        pattern: str = "",
        since: int | None = None,
        heartbeat: float = HEARTBEAT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
        on_lost: OnLost | None = None,
    ) -> None:
        if since is not None and since < 0:
            raise ArgumentError(f"since: must be the number of an event, not {since}")
        self.since = since
        self.heartbeat = heartbeat
        self._address = address
        self._pattern = pattern
        self._backoff = Backoff(reconnect_timeout)
        self._on_lost = on_lost
        self._is_lost = False
        self._was_connected = False
        self._first: deque[Event] = deque()

    def call(self) -> Request[None]:
        """What to ask next."""
        return routes.watch(self._pattern, self.since, self.heartbeat)

    def connected(self, now: float) -> None:
        """The answer has begun. A time is monotonic, in seconds."""
        self._backoff.connected(now)
        self._is_lost = False
        if self._was_connected and self.since is None:
            # No event has been seen, so nobody knows what has happened meanwhile.
            self._first.append(Event(event="gap", name="gaffer"))
        self._was_connected = True

    def first(self) -> Event | None:
        """What is to be told before anything that comes."""
        return self._first.popleft() if self._first else None

    def take(self, data: str) -> Event:
        """The event in a message.

        Raises:
            NotGafferError: it is none.
        """
        import msgspec

        try:
            value = msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise NotGafferError(self._address, f"event: {error}") from None
        event = read_event(self._address, value)
        if event.seq is not None:
            self.since = event.seq
        self._backoff.reset()
        return event

    def lost(self, error: ClientError, now: float) -> float:
        """Seconds to wait before asking again.

        Raises:
            ClientError: this error, because it will not pass, or not soon enough.
        """
        delay = self._backoff.next_delay(now) if isinstance(error, TRANSIENT_ERRORS) else None
        if delay is None or not self._was_connected:
            raise error
        if self._on_lost is not None and not self._is_lost:
            self._on_lost(error)
        self._is_lost = True
        return delay

    def ended(self) -> ConnectionLostError:
        """The error that an answer is which just ends."""
        return ConnectionLostError(self._address, "the feed ended")
