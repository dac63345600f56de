"""The connection of a channel: requests and messages, and a new websocket when one is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from gaffer_client import routes
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.channel.messages import (
    CommandFailed,
    CommandSucceeded,
    Message,
    Subscribed,
    SubscriptionFailed,
    TopicEvent,
    parse,
)
from gaffer_client.channel.websocket import WebSocket, open_websocket
from gaffer_client.errors import ClientError, ConnectionLostError
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

Key = int | str
"""The key that a response carries: the number of a command, or a topic."""


class ReconnectingConnection:
    """A websocket that is opened again when it is lost.

    Args:
        heartbeat: seconds without a message after which a ping is sent.
        reconnect_timeout: seconds without a connection until it gives up.
        on_message: called with each message that is not only a response to a command.
        resume: run when a connection was made again.
        on_end: called when there will be no new connection.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        heartbeat: float,
        reconnect_timeout: float,
        *,
        on_message: Callable[[Message], None],
        resume: Callable[[WebSocket], Awaitable[None]],
        on_end: Callable[[ClientError], None],
    ) -> None:
        self.address = transport.settings.address.text
        self.socket: WebSocket | None = None
        self._transport = transport
        self._heartbeat = heartbeat
        self._backoff = Backoff(reconnect_timeout)
        self._on_message = on_message
        self._resume = resume
        self._on_end = on_end
        self._connections = 0
        self._change = trio.Event()
        self._pending: dict[Key, _PendingResponse] = {}
        self._error: ClientError | None = None

    async def wait_connected(self) -> WebSocket:
        """Wait for a connection.

        Raises:
            ClientError: there will be none.
        """
        while self.socket is None:
            if self._error is not None:
                raise self._error
            await self._change.wait()
        return self.socket

    async def request(self, socket: WebSocket, key: Key, message: str) -> dict[str, Any]:
        """Send a message and wait for its response.

        Args:
            socket: the connection to use; the request fails if it was replaced.
            key: the key of the response.
            message: the encoded message.

        Raises:
            ResponseError: the response is an error.
            ConnectionLostError: there was no response.
        """
        if socket is not self.socket:
            raise ConnectionLostError(self.address, "the connection broke off")
        response = self._pending[key] = _PendingResponse()
        try:
            await socket.send(message)
            await response.done.wait()
        finally:
            if self._pending.get(key) is response:
                del self._pending[key]
        if response.error is not None:
            raise response.error
        return response.result

    async def run(self, nursery: trio.Nursery) -> None:
        """Keep the connection open until cancelled, or until it gives up.

        Args:
            nursery: runs `resume` while messages are received.
        """
        delay: float | None = 0.0
        while delay is not None:
            await trio.sleep(delay)
            try:
                async with open_websocket(
                    self._transport, routes.CHANNEL, self._heartbeat
                ) as socket:
                    await self._receive(socket, nursery)
            except ClientError as error:
                delay = self._get_delay(error)
                if delay is None:
                    self.close(error)

    def _get_delay(self, error: ClientError) -> float | None:
        if self._connections == 0 or not isinstance(error, TRANSIENT_ERRORS):
            return None
        return self._backoff.next_delay(trio.current_time())

    async def _receive(self, socket: WebSocket, nursery: trio.Nursery) -> None:
        """Receive messages until the connection is lost, and raise the reason."""
        self._backoff.connected(trio.current_time())
        self._connections += 1
        self._set_socket(socket)
        try:
            if self._connections > 1:
                nursery.start_soon(self._resume, socket)
            while True:
                self._handle(parse(self.address, await socket.receive()))
                self._backoff.reset()
        finally:
            self._set_socket(None)
            for response in self._pending.values():
                response.fail(ConnectionLostError(self.address, "there was no response"))

    def _handle(self, message: Message) -> None:
        response: _PendingResponse | None = None
        match message:
            case CommandSucceeded(identity=key) | CommandFailed(identity=key):
                response = self._pending.get(key)
            case Subscribed(topic=key) | SubscriptionFailed(topic=key):
                response = self._pending.get(key)
        match message:
            case CommandSucceeded(result=result):
                if response is not None:
                    response.succeed(result)
            case CommandFailed(error=error):
                if response is not None:
                    response.fail(error)
            case SubscriptionFailed(error=error) if response is not None:
                response.fail(error)
            case Subscribed() | SubscriptionFailed() | TopicEvent():
                self._on_message(message)
                if response is not None:
                    response.succeed({})

    def close(self, error: ClientError) -> None:
        """Make all later requests raise an error."""
        self._error = error
        self._on_end(error)
        self._set_socket(None)

    def _set_socket(self, socket: WebSocket | None) -> None:
        self.socket = socket
        change, self._change = self._change, trio.Event()
        change.set()


class _PendingResponse:
    def __init__(self) -> None:
        self.done = trio.Event()
        self.result: dict[str, Any] = {}
        self.error: ClientError | None = None

    def succeed(self, result: dict[str, Any]) -> None:
        self.result = result
        self.done.set()

    def fail(self, error: ClientError) -> None:
        self.error = error
        self.done.set()
