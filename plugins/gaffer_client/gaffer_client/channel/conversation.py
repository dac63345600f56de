"""What is said and answered over one websocket after the other, each until it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from gaffer_client import routes
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.channel.messages import (
    Answered,
    Failed,
    Happened,
    Heard,
    NotSubscribed,
    Subscribed,
    hear,
)
from gaffer_client.channel.websocket import WebSocket, open_websocket
from gaffer_client.errors import ClientError, ConnectionLostError
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

Key = int | str
"""What an answer is known by: the number of a command, or a topic."""


class Conversation:
    """The connection of a channel, made again when it is lost.

    Args:
        silence: seconds without a word after which the other end is asked whether it is there.
        reconnect_timeout: seconds to try to come back.
        told: called with what is told without being an answer.
        resume: run when a connection is there again.
        ended: called when there will be none any more.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        silence: float,
        reconnect_timeout: float,
        *,
        told: Callable[[Heard], None],
        resume: Callable[[WebSocket], Awaitable[None]],
        ended: Callable[[ClientError], None],
    ) -> None:
        self.address = transport.settings.address.text
        self.socket: WebSocket | None = None
        self._transport = transport
        self._silence = silence
        self._backoff = Backoff(reconnect_timeout)
        self._told = told
        self._resume = resume
        self._ended = ended
        self._connections = 0
        self._change = trio.Event()
        self._answers: dict[Key, _Answer] = {}
        self._error: ClientError | None = None

    # Asking

    async def there(self) -> WebSocket:
        """The connection, once there is one.

        Raises:
            ClientError: there will be none.
        """
        while self.socket is None:
            if self._error is not None:
                raise self._error
            await self._change.wait()
        return self.socket

    async def ask(self, socket: WebSocket, key: Key, said: str) -> dict[str, Any]:
        """Say something, and wait for the answer.

        Args:
            socket: the connection to say it on; no other one will do.
            key: what the answer is known by.
            said: the message.

        Raises:
            ResponseError: the answer is no.
            ConnectionLostError: there was none.
        """
        if socket is not self.socket:
            raise ConnectionLostError(self.address, "the connection broke off")
        answer = self._answers[key] = _Answer()
        try:
            await socket.send(said)
            await answer.there.wait()
        finally:
            if self._answers.get(key) is answer:
                del self._answers[key]
        if answer.error is not None:
            raise answer.error
        return answer.result

    # Living

    async def run(self, nursery: trio.Nursery) -> None:
        """Keep the connection until cancelled, or for as long as that is possible.

        Args:
            nursery: for what is done beside hearing.
        """
        delay: float | None = 0.0
        while delay is not None:
            await trio.sleep(delay)
            try:
                async with open_websocket(self._transport, routes.CHANNEL, self._silence) as socket:
                    await self._talk(socket, nursery)
            except ClientError as error:
                delay = self._lost(error)
                if delay is None:
                    self.end(error)

    def _lost(self, error: ClientError) -> float | None:
        """Seconds until the next try; None for no more."""
        if self._connections == 0 or not isinstance(error, TRANSIENT_ERRORS):
            return None
        return self._backoff.next_delay(trio.current_time())

    async def _talk(self, socket: WebSocket, nursery: trio.Nursery) -> None:
        """Hear until the connection is lost, and raise why."""
        self._backoff.connected(trio.current_time())
        self._connections += 1
        self._changed(socket)
        try:
            if self._connections > 1:
                nursery.start_soon(self._resume, socket)
            while True:
                self._hear(hear(self.address, await socket.receive()))
                self._backoff.reset()
        finally:
            self._changed(None)
            for answer in self._answers.values():
                answer.fail(ConnectionLostError(self.address, "there was no answer"))

    def _hear(self, heard: Heard) -> None:
        answer: _Answer | None = None
        match heard:
            case Answered(identity=key) | Failed(identity=key):
                answer = self._answers.get(key)
            case Subscribed(topic=key) | NotSubscribed(topic=key):
                answer = self._answers.get(key)
        match heard:
            case Answered(result=result):
                if answer is not None:
                    answer.succeed(result)
            case Failed(error=error):
                if answer is not None:
                    answer.fail(error)
            case NotSubscribed(error=error) if answer is not None:
                answer.fail(error)
            case Subscribed() | NotSubscribed() | Happened():
                self._told(heard)
                if answer is not None:
                    answer.succeed({})

    def end(self, error: ClientError) -> None:
        """Have everything that asks from now on raise an error."""
        self._error = error
        self._ended(error)
        self._changed(None)

    def _changed(self, socket: WebSocket | None) -> None:
        self.socket = socket
        change, self._change = self._change, trio.Event()
        change.set()


class _Answer:
    def __init__(self) -> None:
        self.there = trio.Event()
        self.result: dict[str, Any] = {}
        self.error: ClientError | None = None

    def succeed(self, result: dict[str, Any]) -> None:
        self.result = result
        self.there.set()

    def fail(self, error: ClientError) -> None:
        self.error = error
        self.there.set()
