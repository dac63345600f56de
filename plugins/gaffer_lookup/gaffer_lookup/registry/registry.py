"""All nodes: who is known, whose names they are, and who has been silent for too long."""

from __future__ import annotations

import logging
from typing import Any

from gaffer_kernel import JobName

from gaffer_lookup.registry.backend import Keeper
from gaffer_lookup.registry.binding import Binding
from gaffer_lookup.registry.errors import conflict
from gaffer_lookup.registry.leases import Leases
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.node_session import Registrant
from gaffer_lookup.registry.quotas import SHARE, Shares
from gaffer_lookup.registry.store import Store

log = logging.getLogger(__name__)

LEASE = 45.0
"""Seconds: three of the signs of life that a node gives."""


class Registry:
    """What lookupd knows.

    Args:
        keeper: where it is kept. It is told of every change: `add_node`, `identify`, `add_job`,
            `add_process`, `remove_process`, `remove_job`, `remove_node`.
        lease: seconds of silence after which a node is gone.
        share: how much of everything one owner may register, from 0 to 1.

    Attributes:
        store: what is registered here.
        known: what is registered anywhere.
        shares: how much is whose.
    """

    def __init__(self, keeper: Keeper, lease: float = LEASE, share: float = SHARE) -> None:
        self.store: Store = keeper.own
        self.known: Store = keeper.known
        self.shares = Shares(share)
        self._tell = keeper.changed
        self._leases: Leases[Registrant] = Leases(lease)
        self._names: dict[str, set[Node]] = {}
        self._origins: dict[str, set[Node]] = {}

    async def run(self) -> None:
        """Send away who is silent for longer than a lease, until cancelled."""
        await self._leases.run(self._expired)

    def connect(self, owner: str, binding: Binding | None = None) -> Registrant:
        """Somebody connects who may register a node; his lease begins.

        Args:
            owner: who, in words that are the same each time he calls.
            binding: the only node they may register; any when not given.
        """
        registrant = Registrant(self, owner, binding)
        self._leases.renew(registrant)
        return registrant

    # For the registrant

    def heard(self, registrant: Registrant) -> None:
        """Begin the lease of a registrant anew."""
        self._leases.renew(registrant)

    def left(self, registrant: Registrant) -> None:
        """A registrant has gone, and all that he has registered with him."""
        self._leases.drop(registrant)
        if registrant.node is not None:
            log.info("node %s is gone", registrant.node)
            self._remove(registrant.node)

    def admit(self, node: Node) -> None:
        """Let a node be known.

        Raises:
            Refusal: 409, its name or origin is another's, or both are taken; 429, too many nodes.
        """
        for what, taken in (
            (node.name, self._names.get(node.name, ())),
            (node.origin, self._origins.get(node.origin, ())),
        ):
            if any(other.owner != node.owner for other in taken) or self._is_taken(what, node):
                raise conflict(f"{what} has been registered by somebody else")
        if any(other.origin == node.origin for other in self._names.get(node.name, ())):
            raise conflict(f"{node} is registered on another connection")
        self.shares.take(node.owner, nodes=1)
        self.store.add_node(node)
        self._names.setdefault(node.name, set()).add(node)
        self._origins.setdefault(node.origin, set()).add(node)
        log.info("node %s is registered by %s", node, node.owner)
        self._tell("add_node", node)
        self._tell("identify", node)

    def _is_taken(self, what: str, node: Node) -> bool:
        """Whether a name or an origin is somebody's who is registered elsewhere."""
        return self.known is not self.store and any(
            what in (other.name, other.origin) and other.owner != node.owner
            for other in self.known.nodes()
        )

    def tell(self, event: str, node: Node, job: JobName, **more: Any) -> None:
        """Tell of a change of a job."""
        self._tell(event, node, job_name=str(job), **more)

    def forget_job(self, node: Node, job: JobName) -> None:
        """Forget a job of a node, its processes first."""
        pids = sorted(self.store.jobs_of(node)[job])
        self.shares.give(node.owner, jobs=1, processes=len(pids))
        for pid in pids:
            self.store.remove_pid(node, job, pid)
            self.tell("remove_process", node, job, pid=pid)
        self.store.remove_job(node, job)
        self.tell("remove_job", node, job)

    def _remove(self, node: Node) -> None:
        for job in list(self.store.jobs_of(node)):
            self.forget_job(node, job)
        self.store.remove_node(node)
        self.shares.give(node.owner, nodes=1)
        for index, key in ((self._names, node.name), (self._origins, node.origin)):
            index[key].remove(node)
            if not index[key]:
                del index[key]
        self._tell("remove_node", node)

    def _expired(self, registrant: Registrant) -> None:
        log.warning("%s has been silent for %g s", registrant, self._leases.seconds)
        registrant.leave()
