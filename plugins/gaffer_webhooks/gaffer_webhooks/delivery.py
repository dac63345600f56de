"""The delivery worker of one URL: sends one message after the other, each until it is final."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf

import trio

from gaffer_webhooks.messages import Enqueued
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.retry import Outcome, SendResult, decide
from gaffer_webhooks.signing import make_headers

log = logging.getLogger(__package__)

Post = Callable[[dict[str, str], bytes], Awaitable[SendResult]]
"""Sends headers and a body; errors are part of the result."""

Connect = Callable[[], AbstractAsyncContextManager[Post]]

JSON = "application/json"


class DeliveryWorker:
    """The task that sends the messages of one URL.

    Args:
        label: the name of the URL in the log.
        outbox: the messages to send.
        connect: opens a connection.
        get_secrets: returns the secrets that sign messages about an event, or None when no hook
            matches it any longer; called before each try.
        get_limit: returns how often a message may be sent.
        on_gone: called when the receiver responds that the URL is gone (410).

    Attributes:
        failing: why the latest message could not be delivered; None if it was.
    """

    def __init__(
        self,
        label: str,
        outbox: Outbox,
        connect: Connect,
        *,
        get_secrets: Callable[[str], Sequence[str] | None],
        get_limit: Callable[[], int],
        on_gone: Callable[[], object],
    ) -> None:
        self.failing: str | None = None
        self._label = label
        self._outbox = outbox
        self._connect = connect
        self._get_secrets = get_secrets
        self._get_limit = get_limit
        self._on_gone = on_gone
        self._message_id = ""
        self._tries = 0
        self._gave_up = False
        self._delayed = False
        self._changes = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        """Send messages until cancelled; sleep while there are none."""
        while True:
            await self._outbox.wait_pending()
            delay = await self._send_pending()
            self._delayed = delay > 0
            self._changes.unpark_all()
            if self._delayed:
                await trio.sleep(delay)
                self._delayed = False

    async def wait_idle(self) -> None:
        """Wait until there is no message, or the worker only waits for the next try."""
        while len(self._outbox) and not self._delayed:
            await self._changes.park()

    async def _send_pending(self) -> float:
        """Send messages until none is left or one fails; return the delay before the next try."""
        async with self._connect() as post:
            while (message := self._outbox.get_first()) is not None:
                secrets = self._get_secrets(message.event)
                if secrets is None:
                    self._outbox.remove(message.id)
                    continue
                self._count_try(message)
                result = await self._send(post, message, secrets)
                outcome = decide(result, self._tries, self._get_limit(), random.random())
                if not isinstance(outcome, Outcome):
                    self._set_failing(result.reason)
                    return outcome
                self._finish(message, result, outcome)
                if outcome is Outcome.GONE:
                    return inf
        return 0.0

    def _count_try(self, message: Enqueued) -> None:
        if message.id != self._message_id:
            self._message_id, self._tries = message.id, 0
        self._tries += 1

    async def _send(self, post: Post, message: Enqueued, secrets: Sequence[str]) -> SendResult:
        body = bytes(message.body)
        signed = make_headers(message.id, int(time.time()), body, secrets)
        try:
            return await post({"content-type": JSON, **signed}, body)
        except Exception as error:
            # An unexpected error at one URL must not end the plugin and the deliveries to others.
            log.exception("%s: sending failed", self._label)
            return SendResult(None, type(error).__name__)

    def _finish(self, message: Enqueued, result: SendResult, outcome: Outcome) -> None:
        match outcome:
            case Outcome.DELIVERED:
                self._outbox.remove(message.id)
                self._set_failing(None)
            case Outcome.DEAD:
                self._outbox.give_up(message.id, result.reason, self._tries)
                log.log(
                    logging.DEBUG if self._gave_up else logging.WARNING,
                    "%s: gave up a message (%s) after %d tries: %s",
                    *(self._label, message.event, self._tries, result.reason),
                )
                self._gave_up = True
                self.failing = result.reason
            case Outcome.GONE:
                self._on_gone()

    def _set_failing(self, reason: str | None) -> None:
        """Set `failing`; log only changes, not every try."""
        if reason is not None and self.failing is None:
            log.warning("%s: will try again: %s", self._label, reason)
        elif reason is None and self.failing is not None:
            log.info("%s: works again", self._label)
            self._gave_up = False
        self.failing = reason
