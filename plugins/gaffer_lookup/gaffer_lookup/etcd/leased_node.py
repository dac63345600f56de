"""One lease and the keys under it, the node and its jobs; `registration` calls `renew` in time."""

from __future__ import annotations

from collections.abc import Sequence

from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import LeaseLostError, NodeTakenError, UnavailableError
from gaffer_lookup.etcd.keys import Keys, encode_node, put
from gaffer_lookup.etcd.wire import Body, Lease, Txn
from gaffer_lookup.registry.node import Node

MAX_TRIES = 10
"""Of a transaction: each repeats after one that had timed out was executed in between."""


class LeasedNode:
    """A node that has its name and its origin as long as a lease lasts.

    A member that hangs with a request may execute it when it wakes, long after another member has
    executed later ones. So each transaction counts, by putting the key of the origin once more, and
    has no effect if the count is not the one for which it was made.

    Args:
        etcd: the etcd.
        node: the node to register.
        lease: a new lease.
    """

    def __init__(self, etcd: Etcd, node: Node, lease: Lease) -> None:
        self.keys = Keys(etcd.settings.prefix)
        self.lease = lease
        self._etcd = etcd
        self._node = node
        self._node_key = self.keys.node(node, lease.id)
        self._origin_key = self.keys.origin(node, lease.id)
        self._count = 1

    async def register(self) -> None:
        """Put the keys of the node and its origin.

        Raises:
            NodeTakenError: another owner has its name or its origin.
        """
        others = [
            {"key": key, "range_end": end} for key, end in self.keys.get_foreign_ranges(self._node)
        ]
        txn = await self._etcd.txn(
            [{**each, "target": "CREATE", "create_revision": 0} for each in others],
            [put(self._node_key, encode_node(self._node), self.lease.id), self._increment_count()],
            [{"request_range": {**each, "limit": 1}} for each in others],
        )
        if not txn.succeeded:
            raise self._taken_error(txn)

    def _taken_error(self, txn: Txn) -> NodeTakenError:
        pairs = txn.get_pairs()
        found = filter(None, (self.keys.decode_node(pair.key, pair.value) for pair in pairs))
        where = [f" at {node.origin}" for node in found]
        # A key that was put by hand may hold no node: then its name shows what to delete.
        where += [f", under {pair.key.decode(errors='replace')!r:.300}" for pair in pairs]
        message = f"{self._node} is registered by another owner"
        return NodeTakenError(self._etcd.settings.text, message + (where[0] if where else ""))

    async def renew(self) -> None:
        """Renew the lease, and check that the keys still exist.

        Raises:
            LeaseLostError: the lease has expired, or a key is missing.
        """
        await self._etcd.keep_alive(self.lease)
        await self._commit([])

    async def write(self, operations: Sequence[Body]) -> None:
        """Put and delete keys of jobs, if the node is still registered.

        Raises:
            LeaseLostError: the lease has expired, or the node was deleted by hand.
        """
        await self._commit([*operations, self._increment_count()])
        self._count += 1

    async def _commit(self, operations: Sequence[Body]) -> None:
        for _ in range(MAX_TRIES):
            txn = await self._etcd.txn(self._compare_unchanged(), operations, self._read_current())
            if txn.succeeded:
                return
            self._update_count(txn)
        raise UnavailableError(
            self._etcd.settings.text, f"transaction failed {MAX_TRIES} times in a row"
        )

    def _compare_unchanged(self) -> list[Body]:
        return [
            {"key": self._node_key, "target": "LEASE", "lease": str(self.lease.id)},
            {"key": self._origin_key, "target": "VERSION", "version": str(self._count)},
        ]

    def _read_current(self) -> list[Body]:
        return [{"request_range": {"key": key}} for key in (self._node_key, self._origin_key)]

    def _update_count(self, txn: Txn) -> None:
        """Take over the count after a transaction that timed out was executed all the same."""
        versions = {
            pair.key: pair.version for pair in txn.get_pairs() if pair.lease == self.lease.id
        }
        count = versions.get(self._origin_key, 0)
        # A lower count means an etcd that was restored to an older state.
        if self._node_key not in versions or count <= self._count:
            raise LeaseLostError(self._etcd.settings.text, f"{self._node} has been deleted")
        self._count = count

    def _increment_count(self) -> Body:
        return put(self._origin_key, self._node.name.encode(), self.lease.id)
