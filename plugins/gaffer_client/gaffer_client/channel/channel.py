"""A channel as it is used: what can be followed, and what can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import trio

from gaffer_client._async.transport import AsyncTransport
from gaffer_client.channel import messages as m
from gaffer_client.channel import topics
from gaffer_client.channel.conversation import Conversation
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

FAREWELL = 1.0
"""Seconds to end a subscription."""

PIECE = 8 * 1024
"""Characters that are written at once; in JSON none takes more than six bytes."""

T = TypeVar("T")


class Channel:
    """Events, samples, output, input and commands over one connection. Tasks may share it.

    A lost connection is made again. Commands without an answer then raise ConnectionLostError, as
    they may have been carried out; subscriptions go on: events after the last one told, or with a
    gap;
    output and samples with what comes, and an Output whose `lost` is None; those of a process that
    is gone meanwhile end. After `reconnect_timeout` seconds without a
    connection everything raises.
    """

    def __init__(self, transport: AsyncTransport, silence: float, reconnect_timeout: float) -> None:
        self.conversation = Conversation(
            transport,
            silence,
            reconnect_timeout,
            told=self._told,
            resume=self._resume,
            ended=self._ended,
        )
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._last = 0

    # Following

    def events(
        self, *, job: str | None = None, pid: int | None = None, since: int | None = None
    ) -> AbstractAsyncContextManager[Subscription[Event]]:
        """Events while the block lasts: of everything, of a job or of a process.

        Args:
            job: whose, by `name` or `session.name`; it need not be there yet.
            pid: whose.
            since: the number of the last one already seen; what has happened since comes first.
        """
        if job is not None and pid is not None:
            raise ArgumentError("events are those of a job or of a process, not of both")
        name = None if job is None else JobName.parse(job)
        return self._following(topics.events(name, pid, since))

    def output(
        self, pid: int, label: str | None = None
    ) -> AbstractAsyncContextManager[Subscription[Output]]:
        """What a process writes while the block lasts; to its first output if none is named."""
        return self._following(topics.output(pid, label))

    def job_stats(self, job: str) -> AbstractAsyncContextManager[Subscription[JobStats]]:
        """Samples of a job while the block lasts; takes gaffer-stats."""
        return self._following(topics.job_samples(JobName.parse(job)))

    def process_stats(self, pid: int) -> AbstractAsyncContextManager[Subscription[Sample]]:
        """Samples of a process while the block lasts; takes gaffer-stats."""
        return self._following(topics.process_samples(pid))

    # Doing

    async def command(self, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Have a command carried out, such as `scale`; gaffer-http's README lists them.

        Raises:
            ResponseError: gaffer says no.
            ConnectionLostError: there was no answer; it may have been carried out.
            ArgumentError: what it is given is too large, or cannot be sent at all.
        """
        return await self._command(await self.conversation.there(), name, args, kwargs)

    async def write(self, pid: int, text: str, label: str = "stdin") -> None:
        """Write to the standard input of a process, or to a custom stream, until it has it all."""
        for start in range(0, len(text), PIECE):
            await self.command("send", pid, text[start : start + PIECE], label)

    async def _command(
        self, socket: WebSocket, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        self._last += 1
        said = m.command(self._last, name, args, kwargs)
        return await self.conversation.ask(socket, self._last, said)

    # Subscriptions

    @asynccontextmanager
    async def _following(self, topic: topics.Topic[T]) -> AsyncIterator[Subscription[T]]:
        name = topic.name
        if name in self._subscriptions:
            raise ConflictError(409, "conflict", f"{name} is followed already on this channel")
        subscription = Subscription(self.conversation.address, topic, self._grant)
        self._subscriptions[name] = subscription
        try:
            await self._subscribe(await self.conversation.there(), subscription)
            yield subscription
        finally:
            del self._subscriptions[name]
            if subscription.active and not subscription.ended:
                await self._unsubscribe(name)
            subscription.end()

    async def _subscribe(self, socket: WebSocket, subscription: Subscription[Any]) -> None:
        """Have a topic told, or end it if its process is not the one that it was."""
        topic = subscription.topic
        if topic.pid is not None:
            result = await self._command(socket, "process_info", (topic.pid,), {})
            process = topics.identity(result["info"])
            if subscription.identity not in (None, process):
                subscription.resumed()
                subscription.end()
                return
            subscription.identity = process
        said = m.subscribe(topic.name, topic.since, subscription.credit())
        await self.conversation.ask(socket, topic.name, said)

    async def _unsubscribe(self, name: str) -> None:
        socket = self.conversation.socket
        with trio.move_on_after(FAREWELL, shield=True):
            try:
                if socket is not None:
                    await self.conversation.ask(socket, name, m.unsubscribe(name))
            except ClientError:
                pass  # It ended at the same time, or the connection did.

    async def _grant(self, name: str, size: int) -> None:
        try:
            if self.conversation.socket is not None:
                await self.conversation.socket.send(m.grant(name, size))
        except ConnectionLostError:
            pass  # The next connection is granted all of it.

    async def _resume(self, socket: WebSocket) -> None:
        for subscription in list(self._subscriptions.values()):
            if not subscription.active or subscription.ended:
                continue
            try:
                await self._subscribe(socket, subscription)
            except ConnectionLostError:
                return  # The next connection begins anew.
            except NotFoundError:
                subscription.resumed()
                subscription.end()
            except ClientError as error:
                subscription.end(error)

    def _told(self, heard: m.Heard) -> None:
        assert not isinstance(heard, m.Answered | m.Failed)
        subscription = self._subscriptions.get(heard.topic)
        if subscription is None:
            return
        match heard:
            case m.Happened():
                subscription.put(heard)
            case m.Subscribed() if subscription.active:
                # Again: told before what comes, and after all that was missed.
                subscription.resumed()
            case m.Subscribed():
                subscription.active = True
            case m.NotSubscribed(error=error):
                subscription.end(error)

    def _ended(self, error: ClientError) -> None:
        for subscription in self._subscriptions.values():
            subscription.end(error)


@asynccontextmanager
async def open_channel(
    transport: AsyncTransport, silence: float, reconnect_timeout: float
) -> AsyncIterator[Channel]:
    """A channel for the duration of a block. See AsyncServer.channel."""
    failure: Exception | None = None
    channel = Channel(transport, silence, reconnect_timeout)
    conversation = channel.conversation
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conversation.run, nursery)
        try:
            await conversation.there()
            yield channel
        except Exception as error:  # noqa: BLE001
            # Raised below, lest the nursery make a group of it.
            failure = error
        conversation.end(ConnectionLostError(conversation.address, "the channel is closed"))
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
