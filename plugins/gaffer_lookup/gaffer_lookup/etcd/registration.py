"""One node, kept registered in an etcd, whatever becomes of either."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from math import inf

import trio
from gaffer_client.feeds.backoff import Backoff
from gaffer_kernel import JobName

from gaffer_lookup.etcd.account import Account
from gaffer_lookup.etcd.client import CLOSING, Etcd
from gaffer_lookup.etcd.errors import EtcdError, LeaseLost, Taken
from gaffer_lookup.etcd.keys import Keys, node_value, put
from gaffer_lookup.etcd.wire import Body, Lease
from gaffer_lookup.registry.facts import Node
from gaffer_lookup.untold import Truth

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
        self._keys = Keys(etcd.settings.prefix)
        self._node = node
        self._seconds = seconds
        self._truth = truth
        self._jobs = jobs
        self._account: Account | None = None
        # What the log was told against it.
        self._known: type[EtcdError] | None = None
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
                self._lost(error)
                await self._pause()

    async def _register(self) -> None:
        lease = await self._etcd.grant(self._seconds)
        try:
            await self._claim(lease.id)
            self._account = Account(self._keys, lease.id, self._truth, self._jobs())
            await self._keep(lease, self._account)
        finally:
            self._account = None
            self.registered = False
            await self._give_up(lease.id)

    async def _claim(self, lease: int) -> None:
        """Put the node there if nobody else has its name or its origin."""
        others = [{"key": key, "range_end": end} for key, end in self._keys.of_others(self._node)]
        told = await self._etcd.txn(
            [{**each, "target": "CREATE", "create_revision": 0} for each in others],
            self._identity(lease),
            [{"request_range": {**each, "limit": 1}} for each in others],
        )
        if not told.succeeded:
            found = [self._keys.read_node(pair.key, pair.value) for pair in told.found()]
            who = next((f" at {node.origin}" for node in found if node), "")
            raise Taken(self.address, f"{self._node} has been registered by somebody else{who}")

    def _identity(self, lease: int) -> list[Body]:
        node = self._node
        return [
            put(self._keys.node(node, lease), node_value(node), lease),
            put(self._keys.origin(node, lease), node.name.encode(), lease),
        ]

    async def _keep(self, lease: Lease, account: Account) -> None:
        """Tell what changes, and give signs of life, until the lease has ended."""
        self._found()
        interval = lease.ttl / 3
        due = trio.current_time() + interval
        while True:
            try:
                if trio.current_time() >= due:
                    await self._etcd.keep_alive(lease)
                    await self._tell(lease.id, [])
                    due = trio.current_time() + interval
                elif batch := account.batch():
                    await self._tell(lease.id, account.operations(batch))
                    account.settled(batch)
                else:
                    with trio.CancelScope(deadline=due):
                        await self._news.park()
                    continue
                self._found()
            except LeaseLost:
                raise
            except EtcdError as error:
                # The lease may last until etcd is back.
                self._lost(error)
                await self._pause()

    async def _tell(self, lease: int, operations: list[Body]) -> None:
        """Do something as long as the node is there: somebody may have deleted it by hand."""
        there = {"key": self._keys.node(self._node, lease), "target": "CREATE"}
        compare = {**there, "result": "GREATER", "create_revision": 0}
        if not (await self._etcd.txn([compare], operations)).succeeded:
            raise LeaseLost(self.address, f"{self._node} has been deleted")

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

    def _lost(self, error: EtcdError) -> None:
        known, self._known = self._known, type(error)
        self.registered, self.error = False, str(error)
        if known is not type(error):
            log.warning("node %s is not registered in etcd: %s", self._node, error)

    async def _pause(self) -> None:
        await trio.sleep(self._backoff.failed(trio.current_time()) or 0.0)
