"""All nodes and sessions: unique names and origins, and expired leases."""

from __future__ import annotations

import logging
from typing import Any

from gaffer_kernel import JobName

from gaffer_lookup.registry.backend import Backend
from gaffer_lookup.registry.binding import Binding
from gaffer_lookup.registry.errors import conflict
from gaffer_lookup.registry.leases import Leases
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.node_session import NodeSession
from gaffer_lookup.registry.quotas import DEFAULT_SHARE, Quotas
from gaffer_lookup.registry.store import Store

log = logging.getLogger(__name__)

LEASE = 45.0
"""Seconds: three heartbeats of a node."""


class Registry:
    """The nodes that lookupd knows.

    Args:
        backend: keeps the nodes. It receives every change: `add_node`, `identify`, `add_job`,
            `add_process`, `remove_process`, `remove_job`, `remove_node`.
        lease: seconds without a message after which a node is removed.
        share: the part of each limit that one owner may use, from 0 to 1.

    Attributes:
        store: the nodes that are registered here.
        known: the nodes that are registered anywhere.
        quotas: what each owner has registered.
    """

    def __init__(
        self, backend: Backend, lease: float = LEASE, share: float = DEFAULT_SHARE
    ) -> None:
        self.store: Store = backend.own
        self.known: Store = backend.known
        self.quotas = Quotas(share)
        self._publish = backend.on_change
        self._leases: Leases[NodeSession] = Leases(lease)
        self._names: dict[str, set[Node]] = {}
        self._origins: dict[str, set[Node]] = {}

    async def run(self) -> None:
        """Close the sessions whose lease expires, until cancelled."""
        await self._leases.run(self._on_expired)

    def connect(self, owner: str, binding: Binding | None = None) -> NodeSession:
        """Make a session for a connection that may register a node; its lease begins.

        Args:
            owner: the caller, in the same words for each connection.
            binding: the only node they may register; any when not given.
        """
        node_session = NodeSession(self, owner, binding)
        self._leases.renew(node_session)
        return node_session

    # For the sessions

    def renew(self, node_session: NodeSession) -> None:
        """Renew the lease of a session."""
        self._leases.renew(node_session)

    def remove_session(self, node_session: NodeSession) -> None:
        """Remove a session, and its node with all its jobs."""
        self._leases.drop(node_session)
        if node_session.node is not None:
            log.info("node %s is gone", node_session.node)
            self._remove_node(node_session.node)

    def add_node(self, node: Node) -> None:
        """Add a node.

        Raises:
            RegistryError: 409, its name or origin belongs to another owner, or it is registered on
                another connection; 429, too many nodes.
        """
        for what, taken in (
            (node.name, self._names.get(node.name, ())),
            (node.origin, self._origins.get(node.origin, ())),
        ):
            if any(other.owner != node.owner for other in taken) or self._is_taken(what, node):
                raise conflict(f"{what} is registered by another owner")
        if any(other.origin == node.origin for other in self._names.get(node.name, ())):
            raise conflict(f"{node} is registered on another connection")
        self.quotas.reserve(node.owner, nodes=1)
        self.store.add_node(node)
        self._names.setdefault(node.name, set()).add(node)
        self._origins.setdefault(node.origin, set()).add(node)
        log.info("node %s is registered by %s", node, node.owner)
        self._publish("add_node", node)
        self._publish("identify", node)

    def _is_taken(self, what: str, node: Node) -> bool:
        """Return whether another owner has a name or an origin through another lookupd."""
        return self.known is not self.store and any(
            what in (other.name, other.origin) and other.owner != node.owner
            for other in self.known.nodes()
        )

    def publish(self, event: str, node: Node, job: JobName, **more: Any) -> None:
        """Publish a change of a job."""
        self._publish(event, node, job_name=str(job), **more)

    def remove_job(self, node: Node, job: JobName) -> None:
        """Remove a job of a node, its processes first."""
        pids = sorted(self.store.get_jobs(node)[job])
        self.quotas.release(node.owner, jobs=1, processes=len(pids))
        for pid in pids:
            self.store.remove_pid(node, job, pid)
            self.publish("remove_process", node, job, pid=pid)
        self.store.remove_job(node, job)
        self.publish("remove_job", node, job)

    def _remove_node(self, node: Node) -> None:
        for job in list(self.store.get_jobs(node)):
            self.remove_job(node, job)
        self.store.remove_node(node)
        self.quotas.release(node.owner, nodes=1)
        for index, key in ((self._names, node.name), (self._origins, node.origin)):
            index[key].remove(node)
            if not index[key]:
                del index[key]
        self._publish("remove_node", node)

    def _on_expired(self, node_session: NodeSession) -> None:
        log.warning("%s has been silent for %g s", node_session, self._leases.seconds)
        node_session.close()
