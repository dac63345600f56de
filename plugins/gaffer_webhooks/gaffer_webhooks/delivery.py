"""Sends what waits for one URL: one message after the other, each until it is delivered or dead."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf

import trio

from gaffer_webhooks.messages import Added
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.retry import Answer, Verdict, judge
from gaffer_webhooks.signing import headers

log = logging.getLogger(__package__)

Post = Callable[[dict[str, str], bytes], Awaitable[Answer]]
"""Sends headers and a body; whatever goes wrong is in the Answer."""

Connect = Callable[[], AbstractAsyncContextManager[Post]]

JSON = "application/json"


class Courier:
    """The task of one URL.

    Args:
        label: what the log calls the URL.
        outbox: what is to be sent.
        connect: how it is sent.
        secrets: those that sign messages about an event, asked before each try; None when no hook
            wants these any more.
        limit: how often a message may be sent.
        gone: called when the receiver says that nobody is there any more.

    Attributes:
        failing: why the latest message could not be delivered; None when all is well.
    """

    def __init__(
        self,
        label: str,
        outbox: Outbox,
        connect: Connect,
        *,
        secrets: Callable[[str], Sequence[str] | None],
        limit: Callable[[], int],
        gone: Callable[[], object],
    ) -> None:
        self.failing: str | None = None
        self._label = label
        self._outbox = outbox
        self._connect = connect
        self._secrets = secrets
        self._limit = limit
        self._gone = gone
        self._letter = ""
        self._tries = 0
        self._gave_up = False
        self._pausing = False
        self._changes = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        """Send until cancelled; sleeps when there is nothing to send."""
        while True:
            await self._outbox.wait()
            delay = await self._send_all()
            self._pausing = delay > 0
            self._changes.unpark_all()
            if self._pausing:
                await trio.sleep(delay)
                self._pausing = False

    async def rested(self) -> None:
        """Wait until there is nothing to send, or nothing to be done but wait for the next try."""
        while len(self._outbox) and not self._pausing:
            await self._changes.park()

    async def _send_all(self) -> float:
        """Send until nothing is left, or a message has to be sent again: in so many seconds."""
        async with self._connect() as post:
            while (letter := self._outbox.first()) is not None:
                secrets = self._secrets(letter.event)
                if secrets is None:
                    self._outbox.remove(letter.id)
                    continue
                self._count(letter)
                answer = await self._try(post, letter, secrets)
                verdict = judge(answer, self._tries, self._limit(), random.random())
                if not isinstance(verdict, Verdict):
                    self._tell(answer.reason)
                    return verdict
                self._settle(letter, answer, verdict)
                if verdict is Verdict.GONE:
                    return inf
        return 0.0

    def _count(self, letter: Added) -> None:
        if letter.id != self._letter:
            self._letter, self._tries = letter.id, 0
        self._tries += 1

    async def _try(self, post: Post, letter: Added, secrets: Sequence[str]) -> Answer:
        body = bytes(letter.body)
        fields = {"content-type": JSON, **headers(letter.id, int(time.time()), body, secrets)}
        try:
            return await post(fields, body)
        except Exception as error:
            # One strange receiver must not end the plugin, and with it all the others.
            log.exception("%s: sending failed", self._label)
            return Answer(None, type(error).__name__)

    def _settle(self, letter: Added, answer: Answer, verdict: Verdict) -> None:
        match verdict:
            case Verdict.DELIVERED:
                self._outbox.remove(letter.id)
                self._tell(None)
            case Verdict.DEAD:
                self._outbox.give_up(letter.id, answer.reason, self._tries)
                log.log(
                    logging.DEBUG if self._gave_up else logging.WARNING,
                    "%s: gave up a message (%s) after %d tries: %s",
                    *(self._label, letter.event, self._tries, answer.reason),
                )
                self._gave_up = True
                self.failing = answer.reason
            case Verdict.GONE:
                self._gone()

    def _tell(self, failing: str | None) -> None:
        """Log when it begins to fail and when that is over, and not each try."""
        if failing is not None and self.failing is None:
            log.warning("%s: will try again: %s", self._label, failing)
        elif failing is None and self.failing is not None:
            log.info("%s: works again", self._label)
            self._gave_up = False
        self.failing = failing
