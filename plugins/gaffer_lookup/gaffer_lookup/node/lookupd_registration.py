"""The connection to one lookupd: made again, for ever, whatever becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from math import inf

import trio
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.channel.websocket import WebSocket, open_websocket
from gaffer_client.errors import ClientError, ResponseError
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.settings import Settings
from gaffer_kernel import JobName
from gaffer_kernel.plugin import describe_exception

from gaffer_lookup.node.lookupd_sync import Ledger
from gaffer_lookup.node.pipeline import Dialogue
from gaffer_lookup.protocol import Identify, Ping, Said
from gaffer_lookup.sync_state import Truth

log = logging.getLogger(__name__)

PATH = "/ws"

MIN_PATIENCE = 1.0
"""Seconds that an answer may take at least; else it is as many as between two signs of life."""


AFTER_WRONG_TOKEN = 30.0
"""Seconds until a refused token is shown again. A lookupd answers more than ten wrong tokens of one
address within a minute with 429, which would hide the reason."""


_WRONG_TOKEN = (401, 429)


@dataclass(frozen=True, slots=True)
class Me:
    """Who this gafferd is.

    Attributes:
        name: of the machine.
        origin: where its API can be reached.
        version: of gafferd.
    """

    name: str
    origin: str
    version: str


class Link:
    """Keeps one lookupd told.

    Args:
        settings: where it is and what to show it.
        me: who registers.
        heartbeat: seconds of silence after which it is given a sign of life.
        truth: what is true of a job.
        jobs: all jobs.

    Attributes:
        registered: whether it knows this gafferd now.
        error: why it does not.
    """

    def __init__(
        self,
        settings: Settings,
        me: Me,
        heartbeat: float,
        truth: Truth,
        jobs: Callable[[], Iterable[JobName]],
    ) -> None:
        self.registered = False
        self.error: str | None = None
        self._logged: str | None = None
        self._since = -inf
        self._settings = settings
        self._me = me
        self._heartbeat = heartbeat
        # Many nodes may come at once: who gives up sooner than he must only comes again.
        self._patience = max(MIN_PATIENCE, heartbeat)
        self._jobs = jobs
        self._news = trio.lowlevel.ParkingLot()
        self._ids = count(1)
        self._ledger = Ledger(truth, self._ids)

    @property
    def address(self) -> str:
        """Where the lookupd is, as it was written."""
        return self._settings.address.text

    def touch(self, job: JobName) -> None:
        """Something has become of a job. Never blocks."""
        self._ledger.touch(job)
        self._news.unpark_all()

    def touch_all(self) -> None:
        """Nobody knows what has become of the jobs. Never blocks."""
        self._ledger.touch_all(self._jobs())
        self._news.unpark_all()

    async def run(self) -> None:
        """Connect, tell everything, and then what changes; again and again, until cancelled."""
        transport = AsyncTransport(self._settings)
        backoff = Backoff(inf)
        try:
            while True:
                pause = 0.0
                try:
                    async with open_websocket(
                        transport, PATH, 2 * self._heartbeat, self._patience
                    ) as socket:
                        await self._talk(socket, backoff)
                except ClientError as error:
                    self._lost(str(error))
                    if isinstance(error, ResponseError) and error.status in _WRONG_TOKEN:
                        pause = AFTER_WRONG_TOKEN
                except Exception as error:
                    # Whatever a lookupd has brought about here, the next try may go well.
                    log.exception("the link to %s failed", self.address)
                    self._lost(describe_exception(error))
                await trio.sleep(max(pause, backoff.next_delay(trio.current_time()) or 0.0))
        finally:
            self.registered = False
            with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
                await transport.aclose()

    def _lost(self, error: str) -> None:
        self.error = error
        if self.registered and trio.current_time() - self._since >= self._heartbeat:
            self._logged = None
        self.registered = False
        if self._logged != error:
            # Once, not at each of the tries that follow.
            log.warning("not registered with %s: %s", self.address, error)
            self._logged = error

    async def _talk(self, socket: WebSocket, backoff: Backoff) -> None:
        """Tell what is to be told until the connection is lost, and raise why."""
        dialogue = Dialogue(self.address, socket, self._patience)
        failures: list[ClientError] = []
        async with trio.open_nursery() as nursery:

            async def until_lost(function: Callable[[], object]) -> None:
                try:
                    await function()  # type: ignore[misc]
                except ClientError as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(until_lost, dialogue.hear)
            nursery.start_soon(until_lost, lambda: self._tell(dialogue, backoff))
        raise failures[0]

    async def _tell(self, dialogue: Dialogue, backoff: Backoff) -> None:
        me = self._me
        msgid = next(self._ids)
        await dialogue.say(
            Identify(msgid=msgid, name=me.name, origin=me.origin, version=me.version)
        )
        await dialogue.settle()
        backoff.connected(trio.current_time())
        self.registered, self.error, self._since = True, None, trio.current_time()
        log.info("registered with %s", self.address)
        self._ledger.begin(self._jobs())
        while True:
            await dialogue.say(await self._next(dialogue))

    async def _next(self, dialogue: Dialogue) -> Said:
        """The next thing to say: a sign of life if there is nothing else for too long."""
        ping_at = trio.current_time() + self._heartbeat
        while (said := self._ledger.next()) is None:
            with trio.CancelScope(deadline=min(ping_at, dialogue.overdue)):
                await self._news.park()
            dialogue.check()
            if trio.current_time() >= ping_at:
                return Ping(msgid=next(self._ids))
        return said
