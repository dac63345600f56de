"""Events and lines that a trio task iterates over."""

from __future__ import annotations

from collections import deque
from typing import Self

import trio

from gaffer_client._async.transport import AsyncStream, AsyncTransport
from gaffer_client.errors import ClientError, ConnectionLostError, NotGafferError
from gaffer_client.feeds.events import EventFeed
from gaffer_client.feeds.lines import LineReader
from gaffer_client.feeds.sse import Message, MessageParser
from gaffer_client.models import Event, Line
from gaffer_client.requests import Request
from gaffer_client.settings import get_feed_timeout


class _MessageStream:
    """The messages of one streaming response."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._parser = MessageParser(stream.settings.address.text, stream.media_type)
        self._ready: deque[Message] = deque()

    async def next(self) -> Message | None:
        """Return the next message; None at the end."""
        while not self._ready:
            data = await self._stream.receive()
            if not data:
                return None
            self._ready.extend(self._parser.feed(data))
        return self._ready.popleft()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _open_messages(
    transport: AsyncTransport, request: Request[None], heartbeat: float
) -> _MessageStream:
    read_timeout = get_feed_timeout(heartbeat, transport.settings.timeout)
    stream = await transport.open_stream(request, read_timeout)
    try:
        return _MessageStream(stream)
    except NotGafferError:
        await stream.aclose()
        raise


class AsyncEvents:
    """Events to iterate over, inside `async with`, which subscribes.

    The iteration does not end: it reconnects when the connection is lost, and goes on after the
    last event received. Only one task may iterate. A cancelled iteration loses no event.
    """

    def __init__(self, transport: AsyncTransport, feed: EventFeed) -> None:
        self._transport = transport
        self._feed = feed
        self._messages: _MessageStream | None = None
        self._entered = False

    @property
    def seq(self) -> int | None:
        """The number of the last event received, which `since` takes to continue from here."""
        return self._feed.since

    async def _connect(self) -> _MessageStream:
        messages = await _open_messages(self._transport, self._feed.request(), self._feed.heartbeat)
        self._feed.connected(trio.current_time())
        return messages

    async def __aenter__(self) -> Self:
        self._messages = await self._connect()
        self._entered = True
        return self

    async def __aexit__(self, *error: object) -> None:
        self._entered = False
        await self._disconnect()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while self._entered:
            try:
                return await self._next()
            except ClientError as error:
                delay = self._feed.lost(error, trio.current_time())
            await self._disconnect()
            await trio.sleep(delay)
        raise RuntimeError("iterate over events inside `async with`")

    async def _next(self) -> Event:
        if self._messages is None:
            self._messages = await self._connect()
        if (pending := self._feed.take_pending()) is not None:
            return pending
        try:
            message = await self._messages.next()
        except trio.Cancelled:
            # httpcore2 cannot go on reading after a cancelled read. The next connection continues
            # after the last event received.
            with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
                await self._disconnect()
            raise
        if message is None:
            raise self._feed.make_end_error()
        return self._feed.parse(message.data)

    async def _disconnect(self) -> None:
        messages, self._messages = self._messages, None
        if messages is not None:
            await messages.aclose()


class AsyncLines:
    """Lines of output to iterate over, inside `async with`, which subscribes.

    The iteration ends at the exit of the process, or of gafferd. Output has no numbers, so it
    cannot be resumed: a lost connection raises ConnectionLostError, and a cancelled iteration
    cannot be continued.
    """

    def __init__(self, transport: AsyncTransport, request: Request[None], heartbeat: float) -> None:
        self._transport = transport
        self._address = transport.settings.address.text
        self._reader = LineReader(self._address)
        self._request = request
        self._heartbeat = heartbeat
        self._messages: _MessageStream | None = None
        self._cancelled = False
        self._ready: deque[Line] = deque()

    async def __aenter__(self) -> Self:
        self._messages = await _open_messages(self._transport, self._request, self._heartbeat)
        return self

    async def __aexit__(self, *error: object) -> None:
        messages, self._messages = self._messages, None
        if messages is not None:
            await messages.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Line:
        while not self._ready:
            if self._messages is None:
                raise RuntimeError("iterate over lines inside `async with`")
            message = await self._next_message(self._messages)
            if message is None:
                raise StopAsyncIteration
            self._ready.extend(self._reader.read(message.event, message.data))
        return self._ready.popleft()

    async def _next_message(self, messages: _MessageStream) -> Message | None:
        if self._cancelled:
            raise ConnectionLostError(self._address, "a wait for the next line was cancelled")
        self._cancelled = True
        message = await messages.next()
        self._cancelled = False
        return message
