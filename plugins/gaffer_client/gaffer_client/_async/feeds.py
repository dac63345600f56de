"""Feeds that a task of trio loops over."""

from __future__ import annotations

from collections import deque
from typing import Self

import trio

from gaffer_client._async.transport import AsyncStream, AsyncTransport
from gaffer_client.errors import ClientError, ConnectionLostError, NotGafferError
from gaffer_client.feeds.events import EventFeed
from gaffer_client.feeds.lines import read_lines
from gaffer_client.feeds.sse import Message, Messages
from gaffer_client.models import Event, Line
from gaffer_client.requests import Request
from gaffer_client.settings import get_feed_timeout


class _Answer:
    """One answer that goes on, as messages."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._messages = Messages(stream.settings.address.text, stream.media)
        self._ready: deque[Message] = deque()

    async def next(self) -> Message | None:
        """The next message; None at the end."""
        while not self._ready:
            data = await self._stream.receive()
            if not data:
                return None
            self._ready.extend(self._messages.feed(data))
        return self._ready.popleft()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _asked(transport: AsyncTransport, call: Request[None], heartbeat: float) -> _Answer:
    silence = get_feed_timeout(heartbeat, transport.settings.timeout)
    stream = await transport.open(call, silence)
    try:
        return _Answer(stream)
    except NotGafferError:
        await stream.aclose()
        raise


class AsyncEvents:
    """Events to loop over, in an `async with` block; subscribed from its beginning.

    A loop over it does not end: it connects again when the connection is lost, and goes on after
    the last event that it has told. One task may do so. A cancelled loop loses nothing.
    """

    def __init__(self, transport: AsyncTransport, feed: EventFeed) -> None:
        self._transport = transport
        self._feed = feed
        self._answer: _Answer | None = None
        self._entered = False

    @property
    def seq(self) -> int | None:
        """The number of the last event told: what `since` takes to go on from here."""
        return self._feed.since

    async def _connected(self) -> _Answer:
        answer = await _asked(self._transport, self._feed.call(), self._feed.heartbeat)
        self._feed.connected(trio.current_time())
        return answer

    async def __aenter__(self) -> Self:
        self._answer = await self._connected()
        self._entered = True
        return self

    async def __aexit__(self, *error: object) -> None:
        self._entered = False
        await self._drop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while self._entered:
            try:
                return await self._next()
            except ClientError as error:
                delay = self._feed.lost(error, trio.current_time())
            await self._drop()
            await trio.sleep(delay)
        raise RuntimeError("events are told inside of `async with` only")

    async def _next(self) -> Event:
        if self._answer is None:
            self._answer = await self._connected()
        if (first := self._feed.first()) is not None:
            return first
        try:
            message = await self._answer.next()
        except trio.Cancelled:
            # The connection does not outlive this; the next one goes on after the last event.
            with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
                await self._drop()
            raise
        if message is None:
            raise self._feed.ended()
        return self._feed.take(message.data)

    async def _drop(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.aclose()


class AsyncLines:
    """Lines of a process to loop over, in an `async with` block; subscribed from its beginning.

    The loop ends with the process, or when gafferd does. Nothing numbers what processes write, so
    it cannot be resumed: a lost connection raises ConnectionLostError, and a cancelled loop is
    over.
    """

    def __init__(self, transport: AsyncTransport, call: Request[None], heartbeat: float) -> None:
        self._transport = transport
        self._address = transport.settings.address.text
        self._call = call
        self._heartbeat = heartbeat
        self._answer: _Answer | None = None
        self._cut = False
        self._ready: deque[Line] = deque()

    async def __aenter__(self) -> Self:
        self._answer = await _asked(self._transport, self._call, self._heartbeat)
        return self

    async def __aexit__(self, *error: object) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Line:
        while not self._ready:
            if self._answer is None:
                raise RuntimeError("lines are told inside of `async with` only")
            message = await self._message(self._answer)
            if message is None:
                raise StopAsyncIteration
            self._ready.extend(read_lines(self._address, message.event, message.data))
        return self._ready.popleft()

    async def _message(self, answer: _Answer) -> Message | None:
        if self._cut:
            raise ConnectionLostError(self._address, "a wait for the next line was cancelled")
        self._cut = True
        message = await answer.next()
        self._cut = False
        return message
