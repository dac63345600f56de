"""Registrations as nodes, and what changes in them.

A node may be registered more than once: through several lookupds, or by a gafferd that was killed
and is there again before the lease of its past has ended. The newest registration speaks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from gaffer_kernel import JobName

from gaffer_lookup.etcd.keys import JobKey, Keys, NodeKey, read_pids
from gaffer_lookup.etcd.wire import Change, Pair
from gaffer_lookup.registry.backend import Tell
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


class Roll:
    """Every node that is registered.

    Args:
        keys: what is where.
        tell: told of every change, as the registry tells it.

    Attributes:
        store: the nodes, and what they run; for reading.
    """

    def __init__(self, keys: Keys, tell: Tell) -> None:
        self.store = MemoryStore()
        self._keys = keys
        self._tell = tell
        self._registrations: dict[int, _Registration] = {}
        self._of: dict[_Identity, set[int]] = {}
        self._shown: dict[_Identity, Node] = {}
        self._touched: dict[_Identity, None] = {}

    def replace(self, pairs: Iterable[Pair]) -> None:
        """This is all there is."""
        self._touched |= dict.fromkeys(self._shown)
        self._registrations.clear()
        self._of.clear()
        for pair in pairs:
            self._put(pair)
        self._settle()

    def change(self, changes: Iterable[Change]) -> None:
        """These have come after what is known."""
        for change in changes:
            if change.type == "DELETE":
                self._delete(change.kv.key)
            else:
                self._put(change.kv)
        self._settle()

    def _put(self, pair: Pair) -> None:
        match self._keys.parse(pair.key):
            case NodeKey(lease):
                understood = self._put_node(lease, pair)
            case JobKey(lease, job):
                understood = self._put_job(lease, job, pair)
            case None:
                return
        if not understood:
            # Whoever reads it for the first time knows nothing of what was there before.
            self._delete(pair.key)

    def _put_job(self, lease: int, job: JobName, pair: Pair) -> bool:
        pids = read_pids(pair.value)
        registration = self._registration(lease)
        # Else whoever may write a key could say that it is of the registration of another.
        if pids is None or registration is None or pair.lease != lease:
            return False
        if job not in registration.jobs and len(registration.jobs) >= MAX_JOBS:
            return False
        registration.jobs[job] = pids
        self._touch(registration)
        return True

    def _put_node(self, lease: int, pair: Pair) -> bool:
        node = self._keys.read_node(pair.key, pair.value)
        registration = self._registration(lease)
        if node is None or registration is None or pair.lease != lease:
            key = pair.key.decode(errors="replace")
            log.warning("what is under the key %.300r is no node: passed over", key)
            return False
        self._take_away(lease, registration)
        registration.node, registration.key = node, pair.key
        registration.since = pair.create_revision
        self._of.setdefault(_identity(node), set()).add(lease)
        self._touch(registration)
        return True

    def _registration(self, lease: int) -> _Registration | None:
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
            self._touch(registration)
        elif key == registration.key:
            # Not that of another node, with the number of this lease in it.
            self._take_away(found.lease, registration)
        if registration.node is None and not registration.jobs:
            del self._registrations[found.lease]

    def _take_away(self, lease: int, registration: _Registration) -> None:
        self._touch(registration)
        if registration.node is not None:
            leases = self._of[_identity(registration.node)]
            leases.discard(lease)
            if not leases:
                del self._of[_identity(registration.node)]
            registration.node = None

    def _touch(self, registration: _Registration) -> None:
        if registration.node is not None:
            self._touched[_identity(registration.node)] = None

    # What is shown

    def _settle(self) -> None:
        touched, self._touched = self._touched, {}
        for identity in touched:
            self._show(identity, self._speaker(identity))

    def _speaker(self, identity: _Identity) -> _Registration | None:
        found = [self._registrations[lease] for lease in self._of.get(identity, ())]
        return max(found, key=lambda each: each.since, default=None)

    def _show(self, identity: _Identity, speaker: _Registration | None) -> None:
        shown = self._shown.get(identity)
        node = speaker.node if speaker else None
        if shown is not None and (node is None or node.version != shown.version):
            self._show_jobs(shown, {})
            self.store.remove_node(shown)
            del self._shown[identity]
            self._tell("remove_node", shown)
            shown = None
        if speaker is None or node is None:
            return
        if shown is None:
            shown = self._shown[identity] = node
            self.store.add_node(node)
            self._tell("add_node", node)
            self._tell("identify", node)
        self._show_jobs(shown, speaker.jobs)

    def _show_jobs(self, node: Node, jobs: dict[JobName, frozenset[int]]) -> None:
        for job in [job for job in self.store.jobs_of(node) if job not in jobs]:
            self._show_pids(node, job, frozenset())
            self.store.remove_job(node, job)
            self._tell("remove_job", node, job_name=str(job))
        for job, pids in jobs.items():
            if job not in self.store.jobs_of(node):
                self.store.add_job(node, job)
                self._tell("add_job", node, job_name=str(job))
            self._show_pids(node, job, pids)

    def _show_pids(self, node: Node, job: JobName, pids: Set[int]) -> None:
        shown = self.store.jobs_of(node)[job]
        if shown == pids:
            return
        for pid in sorted(shown - pids):
            self.store.remove_pid(node, job, pid)
            self._tell("remove_process", node, job_name=str(job), pid=pid)
        for pid in sorted(pids - shown):
            self.store.add_pid(node, job, pid)
            self._tell("add_process", node, job_name=str(job), pid=pid)


def _identity(node: Node) -> _Identity:
    return node.name, node.origin, node.owner
