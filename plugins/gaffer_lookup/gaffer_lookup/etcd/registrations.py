"""The nodes that the keys describe, and the changes to publish.

A node may be registered more than once: through several lookupds, or by a gafferd that was killed
and started again before its old lease has expired. The newest registration counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from gaffer_kernel import JobName

from gaffer_lookup.etcd.keys import JobKey, Keys, NodeKey, decode_pids
from gaffer_lookup.etcd.wire import Change, Pair
from gaffer_lookup.registry.backend import Publish
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.node_session import MAX_JOBS
from gaffer_lookup.registry.store import MemoryStore

log = logging.getLogger(__name__)

MAX_REGISTRATIONS = 20_000

_Identity = tuple[str, str, str]


class _Registration:
    def __init__(self) -> None:
        self.node: Node | None = None
        self.key = b""
        self.since = 0
        self.jobs: dict[JobName, frozenset[int]] = {}


class Registrations:
    """All registered nodes.

    Args:
        keys: the layout of keys.
        publish: called with every change, in the form of the registry's events.

    Attributes:
        store: the nodes and their jobs; for reading.
    """

    def __init__(self, keys: Keys, publish: Publish) -> None:
        self.store = MemoryStore()
        self._keys = keys
        self._publish = publish
        self._registrations: dict[int, _Registration] = {}
        self._by_identity: dict[_Identity, set[int]] = {}
        self._published: dict[_Identity, Node] = {}
        self._changed: dict[_Identity, None] = {}

    def replace(self, pairs: Iterable[Pair]) -> None:
        """Replace everything by the result of a read."""
        self._changed |= dict.fromkeys(self._published)
        self._registrations.clear()
        self._by_identity.clear()
        for pair in pairs:
            self._put(pair)
        self._publish_changes()

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply later changes."""
        for change in changes:
            if change.type == "DELETE":
                self._delete(change.kv.key)
            else:
                self._put(change.kv)
        self._publish_changes()

    def _put(self, pair: Pair) -> None:
        match self._keys.parse(pair.key):
            case NodeKey(lease):
                valid = self._put_node(lease, pair)
            case JobKey(lease, job):
                valid = self._put_job(lease, job, pair)
            case None:
                return
        if not valid:
            # As for a reader that starts now, who does not see the value before.
            self._delete(pair.key)

    def _put_job(self, lease: int, job: JobName, pair: Pair) -> bool:
        pids = decode_pids(pair.value)
        registration = self._get_or_add(lease)
        # Otherwise a client that may write any key could add jobs to the registration of another.
        if pids is None or registration is None or pair.lease != lease:
            return False
        if job not in registration.jobs and len(registration.jobs) >= MAX_JOBS:
            return False
        registration.jobs[job] = pids
        self._mark_changed(registration)
        return True

    def _put_node(self, lease: int, pair: Pair) -> bool:
        node = self._keys.decode_node(pair.key, pair.value)
        registration = self._get_or_add(lease)
        if node is None or registration is None or pair.lease != lease:
            key = pair.key.decode(errors="replace")
            log.warning("the key %.300r holds no valid node: ignored", key)
            return False
        self._remove_node(lease, registration)
        registration.node, registration.key = node, pair.key
        registration.since = pair.create_revision
        self._by_identity.setdefault(_get_identity(node), set()).add(lease)
        self._mark_changed(registration)
        return True

    def _get_or_add(self, lease: int) -> _Registration | None:
        if lease not in self._registrations and len(self._registrations) >= MAX_REGISTRATIONS:
            return None
        return self._registrations.setdefault(lease, _Registration())

    def _delete(self, key: bytes) -> None:
        found = self._keys.parse(key)
        registration = self._registrations.get(found.lease) if found else None
        if found is None or registration is None:
            return
        if isinstance(found, JobKey):
            registration.jobs.pop(found.job, None)
            self._mark_changed(registration)
        elif key == registration.key:
            # Not a key of another node that contains the number of this lease.
            self._remove_node(found.lease, registration)
        if registration.node is None and not registration.jobs:
            del self._registrations[found.lease]

    def _remove_node(self, lease: int, registration: _Registration) -> None:
        self._mark_changed(registration)
        if registration.node is not None:
            leases = self._by_identity[_get_identity(registration.node)]
            leases.discard(lease)
            if not leases:
                del self._by_identity[_get_identity(registration.node)]
            registration.node = None

    def _mark_changed(self, registration: _Registration) -> None:
        if registration.node is not None:
            self._changed[_get_identity(registration.node)] = None

    # Publish

    def _publish_changes(self) -> None:
        changed, self._changed = self._changed, {}
        for identity in changed:
            self._publish_node(identity, self._get_newest(identity))

    def _get_newest(self, identity: _Identity) -> _Registration | None:
        found = [self._registrations[lease] for lease in self._by_identity.get(identity, ())]
        return max(found, key=lambda each: each.since, default=None)

    def _publish_node(self, identity: _Identity, newest: _Registration | None) -> None:
        published = self._published.get(identity)
        node = newest.node if newest else None
        if published is not None and (node is None or node.version != published.version):
            self._publish_jobs(published, {})
            self.store.remove_node(published)
            del self._published[identity]
            self._publish("remove_node", published)
            published = None
        if newest is None or node is None:
            return
        if published is None:
            published = self._published[identity] = node
            self.store.add_node(node)
            self._publish("add_node", node)
            self._publish("identify", node)
        self._publish_jobs(published, newest.jobs)

    def _publish_jobs(self, node: Node, jobs: dict[JobName, frozenset[int]]) -> None:
        for job in [job for job in self.store.get_jobs(node) if job not in jobs]:
            self._publish_pids(node, job, frozenset())
            self.store.remove_job(node, job)
            self._publish("remove_job", node, job_name=str(job))
        for job, pids in jobs.items():
            if job not in self.store.get_jobs(node):
                self.store.add_job(node, job)
                self._publish("add_job", node, job_name=str(job))
            self._publish_pids(node, job, pids)

    def _publish_pids(self, node: Node, job: JobName, pids: Set[int]) -> None:
        published = self.store.get_jobs(node)[job]
        if published == pids:
            return
        for pid in sorted(published - pids):
            self.store.remove_pid(node, job, pid)
            self._publish("remove_process", node, job_name=str(job), pid=pid)
        for pid in sorted(pids - published):
            self.store.add_pid(node, job, pid)
            self._publish("add_process", node, job_name=str(job), pid=pid)


def _get_identity(node: Node) -> _Identity:
    return node.name, node.origin, node.owner
