"""The topics that a client follows, each with a task and, if the client wants, a credit."""

from __future__ import annotations

import logging
from typing import Any

import trio
from gaffer_kernel import GafferError

from gaffer_http.channel.messages import (
    Credit,
    Subscribe,
    Unsubscribe,
    event_message,
    not_subscribed,
    subscribed,
)
from gaffer_http.channel.outbox import Outbox
from gaffer_http.channel.topics import Topic, find_topic
from gaffer_http.errors import ApiError, error_from_kernel, error_from_status
from gaffer_http.feeds.feed import Source

log = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 50
"""Subscriptions of one client."""

END = "end"
"""The event after which a topic has no further events."""


class Subscriptions:
    """The topics that one client follows.

    Args:
        nursery: runs the tasks of the topics.
        outbox: where to answer, and where messages go.
    """

    def __init__(self, nursery: trio.Nursery, outbox: Outbox) -> None:
        self._nursery = nursery
        self._outbox = outbox
        self._topics: dict[str, _Subscription] = {}

    async def subscribe(self, wanted: Subscribe) -> None:
        """Follow a topic: events after the return are sent, unless it is refused."""
        try:
            self._check(wanted.topic)
            topic = find_topic(wanted.topic, wanted.since)
            subscription = _Subscription(wanted, topic, self._outbox)
            await self._nursery.start(self._follow, subscription)
        except ApiError as error:
            self._refuse(wanted.topic, error)
        except GafferError as error:
            self._refuse(wanted.topic, error_from_kernel(error))

    def _check(self, topic: str) -> None:
        if topic in self._topics:
            raise ApiError(409, "conflict", f"{topic} is subscribed already")
        if len(self._topics) >= MAX_SUBSCRIPTIONS:
            raise ApiError(429, "too_many", f"{MAX_SUBSCRIPTIONS} topics are subscribed already")

    def _refuse(self, topic: str, error: ApiError) -> None:
        self._outbox.answer(not_subscribed(topic, error))

    async def _follow(
        self,
        subscription: _Subscription,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        name = subscription.name
        with subscription.scope:
            async with subscription.topic.opening as source:
                self._topics[name] = subscription
                self._outbox.answer(subscribed(name))
                task_status.started()
                try:
                    await subscription.relay(source)
                except Exception:
                    # An internal error, or one of a plugin, must not end the other topics.
                    log.exception("the API failed on the topic %r", name)
                    self._refuse(name, error_from_status(500))
                # Not if it was unsubscribed in the last moment, and perhaps subscribed again.
                if self._topics.get(name) is subscription:
                    del self._topics[name]

    def unsubscribe(self, wanted: Unsubscribe) -> None:
        """Stop following a topic."""
        try:
            subscription = self._subscribed(wanted.topic)
        except ApiError as error:
            self._refuse(wanted.topic, error)
            return
        del self._topics[wanted.topic]
        subscription.scope.cancel()
        self._outbox.forget(subscription)
        self._outbox.answer(subscribed(wanted.topic))

    def add_credit(self, granted: Credit) -> None:
        """Add to the credit of a topic."""
        try:
            self._subscribed(granted.topic).add_credit(granted.bytes)
        except ApiError as error:
            self._refuse(granted.topic, error)

    def _subscribed(self, topic: str) -> _Subscription:
        if topic not in self._topics:
            raise ApiError(404, "not_subscribed", f"{topic} is not subscribed, or has ended")
        return self._topics[topic]


class _Subscription:
    def __init__(self, wanted: Subscribe, topic: Topic, outbox: Outbox) -> None:
        self.name = wanted.topic
        self.topic = topic
        self.scope = trio.CancelScope()
        self._credit = wanted.credit
        self._granted = trio.lowlevel.ParkingLot()
        self._outbox = outbox

    def add_credit(self, size: int) -> None:
        if self._credit is None:
            reason = f"{self.name} was subscribed without credit, and has no limit"
            raise ApiError(409, "conflict", reason)
        self._credit += size
        self._granted.unpark_all()

    async def relay(self, source: Source[Any]) -> None:
        while True:
            # Wait before taking anything: the queue at the source is bounded, and its losses are
            # counted.
            await self._wait_credit()
            batch = await source.receive()
            if batch is None:
                break
            for message in self.topic.messages(batch):
                await self._send(message)
        for message in self.topic.rest():
            await self._send(message)
        await self._send(event_message(END, self.name))

    async def _send(self, message: str) -> None:
        await self._wait_credit()
        await self._outbox.send_in_turn(self, message)
        if self._credit is not None:
            # The last message may overdraw it: otherwise a message larger than the credit would
            # never be sent.
            self._credit -= len(message.encode())

    async def _wait_credit(self) -> None:
        while self._credit is not None and self._credit <= 0:
            await self._granted.park()
