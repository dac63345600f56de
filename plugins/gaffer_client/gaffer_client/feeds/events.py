"""Event feeds, resumed after the last event received."""

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
"""Default seconds between two heartbeats of the server."""

OnLost = Callable[[ClientError], object]
"""Callback that receives the reason when a connection is lost and a new one will be made."""

TRANSIENT_ERRORS = (UnreachableError, ConnectionLostError, BusyError)
"""Errors after which a new attempt can succeed."""


def read_event(address: str, data: Mapping[str, Any]) -> Event:
    """Convert the fields of an event.

    Raises:
        NotGafferError: the fields are not those of an event.
    """
    return convert(address, {**data, "data": data}, Event, "event")


class EventFeed:
    """The state of one event feed, over all its connections.

    Args:
        address: the address of the server, for errors.
        pattern: the pattern of event names; empty for all.
        since: the number of the last event already received; None to begin with new events.
        heartbeat: seconds between two heartbeats of the server.
        reconnect_timeout: seconds without a connection until the feed gives up.
        on_lost: called once for each loss, before the first attempt to reconnect.

    Attributes:
        since: the number of the last event received.
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
        self._pending: deque[Event] = deque()

    def request(self) -> Request[None]:
        """Return the request for the next connection."""
        return routes.watch(self._pattern, self.since, self.heartbeat)

    def connected(self, now: float) -> None:
        """Record that the response has begun. Times are monotonic, in seconds."""
        self._backoff.connected(now)
        self._is_lost = False
        if self._was_connected and self.since is None:
            # No event was received before the loss, so the server cannot count the missing ones.
            self._pending.append(Event(event="gap", name="gaffer"))
        self._was_connected = True

    def take_pending(self) -> Event | None:
        """Return a gap that precedes the events of the new connection."""
        return self._pending.popleft() if self._pending else None

    def parse(self, data: str) -> Event:
        """Parse the event in a message.

        Raises:
            NotGafferError: the message is not an event.
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
        """Return the seconds to wait before the next connection attempt.

        Raises:
            ClientError: the error itself, if it is permanent or the feed gives up.
        """
        delay = self._backoff.next_delay(now) if isinstance(error, TRANSIENT_ERRORS) else None
        if delay is None or not self._was_connected:
            raise error
        if self._on_lost is not None and not self._is_lost:
            self._on_lost(error)
        self._is_lost = True
        return delay

    def make_end_error(self) -> ConnectionLostError:
        """Create the error for a response that ended without one."""
        return ConnectionLostError(self._address, "the feed ended")
