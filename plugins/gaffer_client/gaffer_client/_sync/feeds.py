"""Events and lines that a thread iterates over."""

from __future__ import annotations

import time
from collections import deque
from typing import Self

from gaffer_client._sync.transport import Stream, Transport
from gaffer_client.errors import ClientError, NotGafferError
from gaffer_client.feeds.events import EventFeed
from gaffer_client.feeds.lines import LineReader
from gaffer_client.feeds.sse import Message, MessageParser
from gaffer_client.models import Event, Line
from gaffer_client.requests import Request
from gaffer_client.settings import get_feed_timeout


class _MessageStream:
    """The messages of one streaming response."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._parser = MessageParser(stream.settings.address.text, stream.media_type)
        self._ready: deque[Message] = deque()

    def next(self) -> Message | None:
        """Return the next message; None at the end."""
        while not self._ready:
            data = self._stream.receive()
            if not data:
                return None
            self._ready.extend(self._parser.feed(data))
        return self._ready.popleft()

    def close(self) -> None:
        self._stream.close()


def _open_messages(
    transport: Transport, request: Request[None], heartbeat: float
) -> _MessageStream:
    read_timeout = get_feed_timeout(heartbeat, transport.settings.timeout)
    stream = transport.open_stream(request, read_timeout)
    try:
        return _MessageStream(stream)
    except NotGafferError:
        stream.close()
        raise


class Events:
    """Events to iterate over; subscribed as soon as the object is created.

    The iteration does not end: it reconnects when the connection is lost, and goes on after the
    last event received. Close it, or use it as a context manager.
    """

    def __init__(self, transport: Transport, feed: EventFeed) -> None:
        self._transport = transport
        self._feed = feed
        self._closed = False
        self._messages: _MessageStream | None = self._connect()

    @property
    def seq(self) -> int | None:
        """The number of the last event received, which `since` takes to continue from here."""
        return self._feed.since

    def _connect(self) -> _MessageStream:
        messages = _open_messages(self._transport, self._feed.request(), self._feed.heartbeat)
        self._feed.connected(time.monotonic())
        return messages

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while not self._closed:
            try:
                if self._messages is None:
                    self._messages = self._connect()
                if (pending := self._feed.take_pending()) is not None:
                    return pending
                message = self._messages.next()
                if message is None:
                    raise self._feed.make_end_error()
                return self._feed.parse(message.data)
            except ClientError as error:
                self._disconnect()
                time.sleep(self._feed.lost(error, time.monotonic()))
        raise StopIteration

    def _disconnect(self) -> None:
        messages, self._messages = self._messages, None
        if messages is not None:
            messages.close()

    def close(self) -> None:
        """End the subscription."""
        self._closed = True
        self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Lines:
    """Lines of output to iterate over; subscribed as soon as the object is created.

    The iteration ends at the exit of the process, or of gafferd. Output has no numbers, so it
    cannot be resumed: a lost connection raises ConnectionLostError.
    """

    def __init__(self, transport: Transport, request: Request[None], heartbeat: float) -> None:
        self._reader = LineReader(transport.settings.address.text)
        self._messages = _open_messages(transport, request, heartbeat)
        self._ready: deque[Line] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        while not self._ready:
            message = self._messages.next()
            if message is None:
                self.close()
                raise StopIteration
            self._ready.extend(self._reader.read(message.event, message.data))
        return self._ready.popleft()

    def close(self) -> None:
        """End the subscription."""
        self._messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
