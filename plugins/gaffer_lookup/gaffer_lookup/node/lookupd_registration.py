"""The connection to one lookupd, made again whenever it is lost."""

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

from gaffer_lookup.node.lookupd_sync import LookupdSync
from gaffer_lookup.node.pipeline import Pipeline
from gaffer_lookup.protocol import Identify, Message, Ping
from gaffer_lookup.sync_state import GetPids

log = logging.getLogger(__name__)

PATH = "/ws"

MIN_ACK_TIMEOUT = 1.0
"""Seconds until a reply is overdue, at least; otherwise the heartbeat."""


WRONG_TOKEN_DELAY = 30.0
"""Seconds until a refused token is sent again. A lookupd answers more than ten wrong tokens of one
address within a minute with 429, which would hide the reason."""


_TOKEN_REFUSED = (401, 429)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The fields with which this gafferd registers.

    Attributes:
        name: of the node.
        origin: the URL of its API.
        version: of gafferd.
    """

    name: str
    origin: str
    version: str


class LookupdRegistration:
    """Keeps this gafferd registered with one lookupd.

    Args:
        settings: the connection to the lookupd.
        identity: the node to register.
        heartbeat: seconds without a message after which a PING is sent.
        get_pids: returns the pids of a job.
        jobs: returns all jobs.

    Attributes:
        registered: whether the lookupd knows this gafferd now.
        error: why it does not.
    """

    def __init__(
        self,
        settings: Settings,
        identity: NodeIdentity,
        heartbeat: float,
        get_pids: GetPids,
        jobs: Callable[[], Iterable[JobName]],
    ) -> None:
        self.registered = False
        self.error: str | None = None
        self._logged: str | None = None
        self._since = -inf
        self._settings = settings
        self._identity = identity
        self._heartbeat = heartbeat
        # Many nodes may connect at once: a node that gives up too early only adds another try.
        self._ack_timeout = max(MIN_ACK_TIMEOUT, heartbeat)
        self._jobs = jobs
        self._changed = trio.lowlevel.ParkingLot()
        self._ids = count(1)
        self._sync = LookupdSync(get_pids, self._ids)

    @property
    def address(self) -> str:
        """The address of the lookupd, as the user wrote it."""
        return self._settings.address.text

    def mark_changed(self, job: JobName) -> None:
        """Send a job again if its state has changed. Never blocks."""
        self._sync.mark_changed(job)
        self._changed.unpark_all()

    def mark_all_changed(self) -> None:
        """Send every job again whose state has changed. Never blocks."""
        self._sync.mark_all_changed(self._jobs())
        self._changed.unpark_all()

    async def run(self) -> None:
        """Connect, send all jobs and then their changes, and reconnect, until cancelled."""
        transport = AsyncTransport(self._settings)
        backoff = Backoff(inf)
        try:
            while True:
                pause = 0.0
                try:
                    async with open_websocket(
                        transport, PATH, 2 * self._heartbeat, self._ack_timeout
                    ) as socket:
                        await self._run_session(socket, backoff)
                except ClientError as error:
                    self._report_failure(str(error))
                    if isinstance(error, ResponseError) and error.status in _TOKEN_REFUSED:
                        pause = WRONG_TOKEN_DELAY
                except Exception as error:
                    # No reply of a lookupd may end this loop: the next try may succeed.
                    log.exception("the connection to %s failed", self.address)
                    self._report_failure(describe_exception(error))
                await trio.sleep(max(pause, backoff.next_delay(trio.current_time()) or 0.0))
        finally:
            self.registered = False
            with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
                await transport.aclose()

    def _report_failure(self, error: str) -> None:
        self.error = error
        if self.registered and trio.current_time() - self._since >= self._heartbeat:
            self._logged = None
        self.registered = False
        if self._logged != error:
            # Once, not for each of the tries that follow.
            log.warning("not registered with %s: %s", self.address, error)
            self._logged = error

    async def _run_session(self, socket: WebSocket, backoff: Backoff) -> None:
        """Send changes until the connection is lost, and raise the reason."""
        pipeline = Pipeline(self.address, socket, self._ack_timeout)
        failures: list[ClientError] = []
        async with trio.open_nursery() as nursery:

            async def until_lost(function: Callable[[], object]) -> None:
                try:
                    await function()  # type: ignore[misc]
                except ClientError as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(until_lost, pipeline.receive_replies)
            nursery.start_soon(until_lost, lambda: self._send_changes(pipeline, backoff))
        raise failures[0]

    async def _send_changes(self, pipeline: Pipeline, backoff: Backoff) -> None:
        me, msgid = self._identity, next(self._ids)
        await pipeline.send(
            Identify(msgid=msgid, name=me.name, origin=me.origin, version=me.version)
        )
        await pipeline.drain()
        backoff.connected(trio.current_time())
        self.registered, self.error, self._since = True, None, trio.current_time()
        log.info("registered with %s", self.address)
        self._sync.reset(self._jobs())
        while True:
            await pipeline.send(await self._next_message(pipeline))

    async def _next_message(self, pipeline: Pipeline) -> Message:
        """Wait for the next message; return a PING when the heartbeat is due before that."""
        ping_at = trio.current_time() + self._heartbeat
        while (message := self._sync.next_message()) is None:
            with trio.CancelScope(deadline=min(ping_at, pipeline.deadline)):
                await self._changed.park()
            pipeline.check_deadline()
            if trio.current_time() >= ping_at:
                return Ping(msgid=next(self._ids))
        return message
