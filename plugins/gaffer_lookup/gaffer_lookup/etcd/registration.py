"""One node, kept registered in an etcd, whatever becomes of either."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from math import inf

import trio
from gaffer_client.feeds.backoff import Backoff
from gaffer_kernel import JobName
from gaffer_kernel.plugin import describe_exception

from gaffer_lookup.etcd.client import CLOSING, Etcd
from gaffer_lookup.etcd.errors import EtcdError, LeaseLost
from gaffer_lookup.etcd.etcd_sync import Account
from gaffer_lookup.etcd.leased_node import Claim
from gaffer_lookup.registry.node import Node
from gaffer_lookup.sync_state import Truth

log = logging.getLogger(__name__)


class Registration:
    """Keeps one node registered.

    Args:
        etcd: where.
        node: which.
        seconds: of its lease, at least: so long it is known after it has died.
        truth: what is true of a job.
        jobs: all jobs.

    Attributes:
        registered: whether etcd knows it now.
        error: why it does not.
    """

    def __init__(
        self,
        etcd: Etcd,
        node: Node,
        seconds: int,
        truth: Truth,
        jobs: Callable[[], Iterable[JobName]],
    ) -> None:
        self.registered = False
        self.error: str | None = None
        self._etcd = etcd
        self._node = node
        self._seconds = seconds
        self._truth = truth
        self._jobs = jobs
        self._account: Account | None = None
        # What the log was told against it.
        self._known: type[Exception] | None = None
        self._news = trio.lowlevel.ParkingLot()
        self._backoff = Backoff(inf)

    @property
    def address(self) -> str:
        """Where the etcd is, as it was written."""
        return self._etcd.settings.text

    def touch(self, job: JobName) -> None:
        """Something has become of a job. Never blocks."""
        if self._account is not None:
            self._account.touch(job)
            self._news.unpark_all()

    def touch_all(self) -> None:
        """Nobody knows what has become of the jobs. Never blocks."""
        if self._account is not None:
            self._account.touch_all(self._jobs())
            self._news.unpark_all()

    async def run(self) -> None:
        """Register, and again whenever it is lost, until cancelled: then the node is taken away."""
        while True:
            try:
                await self._register()
            except EtcdError as error:
                self._lost(type(error), str(error))
            except Exception as error:
                # Whatever an etcd has brought about here, the next try may go well.
                log.exception("the registration in etcd at %s failed", self.address)
                self._lost(type(error), describe_exception(error))
            await self._pause()

    async def _register(self) -> None:
        lease = await self._etcd.grant(self._seconds)
        claim = Claim(self._etcd, self._node, lease)
        try:
            await claim.make()
            self._account = Account(claim.keys, lease.id, self._truth, self._jobs())
            await self._keep(claim, self._account)
        finally:
            self._account = None
            self.registered = False
            await self._give_up(lease.id)

    async def _keep(self, claim: Claim, account: Account) -> None:
        """Tell what changes, and give signs of life, until the lease has ended."""
        interval = claim.lease.ttl / 3
        due = trio.current_time() + interval
        while True:
            try:
                if trio.current_time() >= due:
                    await claim.renew()
                    due = trio.current_time() + interval
                elif batch := account.batch():
                    await claim.tell(account.operations(batch))
                    account.settled(batch)
                else:
                    # Not before: of a sign of life alone nobody knows what runs here.
                    self._found()
                    with trio.CancelScope(deadline=due):
                        await self._news.park()
            except LeaseLost:
                raise
            except EtcdError as error:
                # The lease may last until etcd is back.
                self._lost(type(error), str(error))
                await self._pause(interval)

    async def _give_up(self, lease: int) -> None:
        with trio.CancelScope(deadline=trio.current_time() + CLOSING, shield=True):
            try:
                await self._etcd.revoke(lease)
            except EtcdError:
                # It ends by itself.
                log.debug("the lease of node %s is left to its end", self._node)

    # Said once, not at each of the tries that follow

    def _found(self) -> None:
        self._backoff.connected(trio.current_time())
        if not self.registered:
            log.info("node %s is registered in etcd at %s", self._node, self.address)
        self.registered, self.error, self._known = True, None, None

    def _lost(self, kind: type[Exception], words: str) -> None:
        known, self._known = self._known, kind
        self.registered, self.error = False, words
        if known is not kind:
            log.warning("node %s is not registered in etcd: %s", self._node, words)

    async def _pause(self, longest: float = inf) -> None:
        await trio.sleep(min(longest, self._backoff.next_delay(trio.current_time()) or 0.0))
