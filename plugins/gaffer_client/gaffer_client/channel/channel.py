"""The public face of a channel: subscriptions and commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import trio

from gaffer_client._async.transport import AsyncTransport
from gaffer_client.channel import messages as m
from gaffer_client.channel import topics
from gaffer_client.channel.reconnecting import ReconnectingConnection
from gaffer_client.channel.subscription import Subscription
from gaffer_client.channel.websocket import WebSocket
from gaffer_client.errors import (
    ArgumentError,
    ClientError,
    ConflictError,
    ConnectionLostError,
    NotFoundError,
)
from gaffer_client.models import Event, JobStats, Output, Sample
from gaffer_client.names import JobName

UNSUBSCRIBE_TIMEOUT = 1.0
"""Seconds to end a subscription."""

MAX_TEXT = 8 * 1024
"""Maximum characters in one write; in JSON a character takes six bytes at most."""

T = TypeVar("T")


class Channel:
    """Events, samples, output, input and commands over one connection. Tasks may share it.

    A lost connection is made again. Commands without a response then raise ConnectionLostError, as
    the server may have carried them out. Subscriptions go on: events after the last one received,
    or with a gap; output and samples with the next ones, after an Output whose `lost` is None.
    Subscriptions to a process that has exited in the meantime end. After `reconnect_timeout`
    seconds without a connection, all methods and subscriptions raise the last error.
    """

    def __init__(
        self, transport: AsyncTransport, heartbeat: float, reconnect_timeout: float
    ) -> None:
        self.connection = ReconnectingConnection(
            transport,
            heartbeat,
            reconnect_timeout,
            on_message=self._dispatch,
            resume=self._resume,
            on_end=self._end_subscriptions,
        )
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._last_command = 0

    # Subscriptions

    def events(
        self, *, job: str | None = None, pid: int | None = None, since: int | None = None
    ) -> AbstractAsyncContextManager[Subscription[Event]]:
        """Subscribe to all events, or to those of a job or a process.

        Args:
            job: the job, by `name` or `session.name`; it need not exist yet.
            pid: the process.
            since: the number of the last event already received; later ones are sent first.
        """
        if job is not None and pid is not None:
            raise ArgumentError("events: give a job or a pid, not both")
        name = None if job is None else JobName.parse(job)
        return self._subscription(topics.events(name, pid, since))

    def output(
        self, pid: int, label: str | None = None
    ) -> AbstractAsyncContextManager[Subscription[Output]]:
        """Subscribe to an output of a process; to its first output without a label."""
        return self._subscription(topics.output(pid, label))

    def job_stats(self, job: str) -> AbstractAsyncContextManager[Subscription[JobStats]]:
        """Subscribe to samples of a job; requires gaffer-stats."""
        return self._subscription(topics.job_samples(JobName.parse(job)))

    def process_stats(self, pid: int) -> AbstractAsyncContextManager[Subscription[Sample]]:
        """Subscribe to samples of a process; requires gaffer-stats."""
        return self._subscription(topics.process_samples(pid))

    # Commands

    async def command(self, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run a command, such as `scale`; the README of gaffer-http lists them.

        Raises:
            ResponseError: gaffer responds with an error.
            ConnectionLostError: there was no response; the command may have been carried out.
            ArgumentError: the arguments are too large, or cannot be encoded as JSON.
        """
        return await self._command(await self.connection.wait_connected(), name, args, kwargs)

    async def write(self, pid: int, text: str, label: str = "stdin") -> None:
        """Write to the standard input or a custom stream of a process.

        Returns when the pipe has taken the whole text.
        """
        for start in range(0, len(text), MAX_TEXT):
            await self.command("send", pid, text[start : start + MAX_TEXT], label)

    async def _command(
        self, socket: WebSocket, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        self._last_command += 1
        message = m.command(self._last_command, name, args, kwargs)
        return await self.connection.request(socket, self._last_command, message)

    @asynccontextmanager
    async def _subscription(self, topic: topics.Topic[T]) -> AsyncIterator[Subscription[T]]:
        name = topic.name
        if name in self._subscriptions:
            raise ConflictError(409, "conflict", f"{name} is already subscribed on this channel")
        subscription = Subscription(self.connection.address, topic, self._grant)
        self._subscriptions[name] = subscription
        try:
            await self._subscribe(await self.connection.wait_connected(), subscription)
            yield subscription
        finally:
            del self._subscriptions[name]
            if subscription.active and not subscription.ended:
                await self._unsubscribe(name)
            subscription.end()

    async def _subscribe(self, socket: WebSocket, subscription: Subscription[Any]) -> None:
        """Subscribe to a topic, or end the subscription if its pid means another process now."""
        topic = subscription.topic
        if topic.pid is not None:
            result = await self._command(socket, "process_info", (topic.pid,), {})
            identity = topics.get_identity(result["info"])
            if subscription.identity not in (None, identity):
                subscription.mark_resumed()
                subscription.end()
                return
            subscription.identity = identity
        message = m.subscribe(topic.name, topic.since, subscription.reset_credit())
        await self.connection.request(socket, topic.name, message)

    async def _unsubscribe(self, name: str) -> None:
        socket = self.connection.socket
        with trio.move_on_after(UNSUBSCRIBE_TIMEOUT, shield=True):
            try:
                if socket is not None:
                    await self.connection.request(socket, name, m.unsubscribe(name))
            except ClientError:
                pass  # The subscription or the connection ended at the same time.

    async def _grant(self, name: str, size: int) -> None:
        try:
            if self.connection.socket is not None:
                await self.connection.socket.send(m.grant(name, size))
        except ConnectionLostError:
            pass  # The next connection begins with the full credit.

    async def _resume(self, socket: WebSocket) -> None:
        for subscription in list(self._subscriptions.values()):
            if not subscription.active or subscription.ended:
                continue
            try:
                await self._subscribe(socket, subscription)
            except ConnectionLostError:
                return  # The next connection starts over.
            except NotFoundError:
                subscription.mark_resumed()
                subscription.end()
            except ClientError as error:
                subscription.end(error)

    def _dispatch(self, message: m.Message) -> None:
        assert not isinstance(message, m.CommandSucceeded | m.CommandFailed)
        subscription = self._subscriptions.get(message.topic)
        if subscription is None:
            return
        match message:
            case m.TopicEvent():
                subscription.put(message)
            case m.Subscribed() if subscription.active:
                # Resubscribed: the gap comes after the old values and before the new ones.
                subscription.mark_resumed()
            case m.Subscribed():
                subscription.active = True
            case m.SubscriptionFailed(error=error):
                subscription.end(error)

    def _end_subscriptions(self, error: ClientError) -> None:
        for subscription in self._subscriptions.values():
            subscription.end(error)


@asynccontextmanager
async def open_channel(
    transport: AsyncTransport, heartbeat: float, reconnect_timeout: float
) -> AsyncIterator[Channel]:
    """Open a channel for the duration of a block. See AsyncServer.channel."""
    failure: Exception | None = None
    channel = Channel(transport, heartbeat, reconnect_timeout)
    connection = channel.connection
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run, nursery)
        try:
            await connection.wait_connected()
            yield channel
        except Exception as error:  # noqa: BLE001
            # Raised below: inside the nursery it would become an ExceptionGroup.
            failure = error
        connection.close(ConnectionLostError(connection.address, "the channel is closed"))
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
