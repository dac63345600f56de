"""What is kept under one lease: that a node is there, and what it runs."""

from __future__ import annotations

from collections.abc import Sequence

from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import LeaseLost, Taken, Unavailable
from gaffer_lookup.etcd.keys import Keys, node_value, put
from gaffer_lookup.etcd.wire import Body, Lease, Txn
from gaffer_lookup.registry.node import Node

MAX_TRIES = 10
"""Of a transaction: each that follows another has been overtaken by one that was given up."""


class Claim:
    """The claim of a node to its name and its origin, as long as a lease lasts.

    A member that hangs with a request in it may carry that out when it wakes, when another member
    has long carried out what came later. So each transaction counts, by putting the key of the
    origin once more, and is worth nothing if the count is not what it was when it was made.

    Args:
        etcd: where.
        node: whose.
        lease: just begun.
    """

    def __init__(self, etcd: Etcd, node: Node, lease: Lease) -> None:
        self.keys = Keys(etcd.settings.prefix)
        self.lease = lease
        self._etcd = etcd
        self._node = node
        self._node_key = self.keys.node(node, lease.id)
        self._origin_key = self.keys.origin(node, lease.id)
        self._count = 1

    async def make(self) -> None:
        """Put the node there.

        Raises:
            Taken: somebody else has its name or its origin.
        """
        others = [{"key": key, "range_end": end} for key, end in self.keys.of_others(self._node)]
        told = await self._etcd.txn(
            [{**each, "target": "CREATE", "create_revision": 0} for each in others],
            [put(self._node_key, node_value(self._node), self.lease.id), self._counted()],
            [{"request_range": {**each, "limit": 1}} for each in others],
        )
        if not told.succeeded:
            raise self._taken(told)

    def _taken(self, told: Txn) -> Taken:
        pairs = told.found()
        found = filter(None, (self.keys.read_node(pair.key, pair.value) for pair in pairs))
        where = [f" at {node.origin}" for node in found]
        # Put there by hand, perhaps: only its key tells what to delete.
        where += [f", under {pair.key.decode(errors='replace')!r:.300}" for pair in pairs]
        who = f"{self._node} has been registered by somebody else"
        return Taken(self._etcd.settings.text, who + (where[0] if where else ""))

    async def renew(self) -> None:
        """Give a sign of life, and see whether all is still there.

        Raises:
            LeaseLost: it is not.
        """
        await self._etcd.keep_alive(self.lease)
        await self._do([])

    async def tell(self, operations: Sequence[Body]) -> None:
        """Put and delete what tells of jobs, if the node is still there.

        Raises:
            LeaseLost: somebody has deleted it by hand, or the lease has ended.
        """
        await self._do([*operations, self._counted()])
        self._count += 1

    async def _do(self, operations: Sequence[Body]) -> None:
        for _ in range(MAX_TRIES):
            told = await self._etcd.txn(self._as_it_was(), operations, self._as_it_is())
            if told.succeeded:
                return
            self._recount(told)
        raise Unavailable(self._etcd.settings.text, "does not do what it says")

    def _as_it_was(self) -> list[Body]:
        return [
            {"key": self._node_key, "target": "LEASE", "lease": str(self.lease.id)},
            {"key": self._origin_key, "target": "VERSION", "version": str(self._count)},
        ]

    def _as_it_is(self) -> list[Body]:
        return [{"request_range": {"key": key}} for key in (self._node_key, self._origin_key)]

    def _recount(self, told: Txn) -> None:
        """Take note of what has been done although nobody said so."""
        versions = {pair.key: pair.version for pair in told.found() if pair.lease == self.lease.id}
        count = versions.get(self._origin_key, 0)
        # Less than it was is an etcd that was put back to an older state.
        if self._node_key not in versions or count <= self._count:
            raise LeaseLost(self._etcd.settings.text, f"{self._node} has been deleted")
        self._count = count

    def _counted(self) -> Body:
        return put(self._origin_key, self._node.name.encode(), self.lease.id)
