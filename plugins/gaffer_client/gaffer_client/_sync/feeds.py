"""Feeds that one loops over."""

from __future__ import annotations

import time
from collections import deque
from typing import Self

from gaffer_client._sync.transport import Stream, Transport
from gaffer_client.errors import ClientError, NotGafferError
from gaffer_client.feeds.events import EventFeed
from gaffer_client.feeds.lines import read_lines
from gaffer_client.feeds.sse import Message, Messages
from gaffer_client.models import Event, Line
from gaffer_client.requests import Request
from gaffer_client.settings import get_feed_timeout


class _Answer:
    """One answer that goes on, as messages."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._messages = Messages(stream.settings.address.text, stream.media)
        self._ready: deque[Message] = deque()

    def next(self) -> Message | None:
        """The next message; None at the end."""
        while not self._ready:
            data = self._stream.receive()
            if not data:
                return None
            self._ready.extend(self._messages.feed(data))
        return self._ready.popleft()

    def close(self) -> None:
        self._stream.close()


def _asked(transport: Transport, call: Request[None], heartbeat: float) -> _Answer:
    silence = get_feed_timeout(heartbeat, transport.settings.timeout)
    stream = transport.open(call, silence)
    try:
        return _Answer(stream)
    except NotGafferError:
        stream.close()
        raise


class Events:
    """Events to loop over; subscribed from the moment it is made.

    A loop over it does not end: it connects again when the connection is lost, and goes on after
    the last event that it has told. Close it, or use it as a context manager.
    """

    def __init__(self, transport: Transport, feed: EventFeed) -> None:
        self._transport = transport
        self._feed = feed
        self._closed = False
        self._answer: _Answer | None = self._connected()

    @property
    def seq(self) -> int | None:
        """The number of the last event told: what `since` takes to go on from here."""
        return self._feed.since

    def _connected(self) -> _Answer:
        answer = _asked(self._transport, self._feed.call(), self._feed.heartbeat)
        self._feed.connected(time.monotonic())
        return answer

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while not self._closed:
            try:
                if self._answer is None:
                    self._answer = self._connected()
                if (first := self._feed.first()) is not None:
                    return first
                message = self._answer.next()
                if message is None:
                    raise self._feed.ended()
                return self._feed.take(message.data)
            except ClientError as error:
                self._drop()
                time.sleep(self._feed.lost(error, time.monotonic()))
        raise StopIteration

    def _drop(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Lines:
    """Lines of a process to loop over; subscribed from the moment it is made.

    The loop ends with the process, or when gafferd does. Nothing numbers what processes write, so
    it cannot be resumed: a lost connection raises ConnectionLostError.
    """

    def __init__(self, transport: Transport, call: Request[None], heartbeat: float) -> None:
        self._address = transport.settings.address.text
        self._answer = _asked(transport, call, heartbeat)
        self._ready: deque[Line] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        while not self._ready:
            message = self._answer.next()
            if message is None:
                self.close()
                raise StopIteration
            self._ready.extend(read_lines(self._address, message.event, message.data))
        return self._ready.popleft()

    def close(self) -> None:
        """End it."""
        self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
