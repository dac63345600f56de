"""One connection of a node: what it may register, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import trio
from gaffer_kernel import InvalidField, JobName

from gaffer_lookup.registry.binding import Binding
from gaffer_lookup.registry.errors import bad_message, conflict, no_identity, no_job
from gaffer_lookup.registry.node import Node, make_node

if TYPE_CHECKING:
    from gaffer_lookup.registry.registry import Registry

MAX_JOBS = 10_000
"""Jobs of one node."""

MAX_PIDS = 10_000
"""Processes of one job on one node."""

MAX_PROCESSES = 100_000
"""Processes of all jobs of one node."""


class NodeSession:
    """A connection that may register one node, until it is closed or its lease expires.

    `Registry.connect` makes it. Every verb renews the lease, also one that fails. All of them but
    `ping` raise a RegistryError with 404 before IDENTIFY, and all of them after the end.

    Attributes:
        node: the registered node; None before IDENTIFY.
        closed: set at the end.
    """

    def __init__(self, registry: Registry, owner: str, binding: Binding | None = None) -> None:
        self.node: Node | None = None
        self.closed = trio.Event()
        self._registry = registry
        self._store = registry.store
        self._owner = owner
        self._binding = binding
        self._processes = 0

    def __str__(self) -> str:
        return f"node {self.node}" if self.node else f"a connection of {self._owner}"

    # Verbs

    def identify(self, name: str, origin: str, version: str) -> None:
        """Register the node.

        Raises:
            RegistryError: 409, the session has a node, or the node belongs to another owner or
                another connection; 400, a field is invalid; 403, the owner's token or certificate
                is bound to another node or origin; 429, the owner has too many nodes.
        """
        self.ping()
        if self.node is not None:
            raise conflict(f"this connection has registered {self.node} already")
        node = make_node(name, origin, version, self._owner)
        if self._binding is not None:
            self._binding.check(self._owner, name, origin)
        self._registry.add_node(node)
        self.node = node

    def ping(self) -> None:
        """Renew the lease."""
        if self.closed.is_set():
            raise no_identity("this connection has been silent for too long: connect again")
        self._registry.renew(self)

    def register_job(self, name: str) -> None:
        """Add a job.

        Raises:
            RegistryError: 409, it is registered already; 400, the name is invalid, or the node has
                too many jobs; 429, the owner has too many jobs.
        """
        self.register_jobs({name: ()})

    def register_jobs(self, jobs: Mapping[str, Collection[int]]) -> None:
        """Add jobs and their processes, all of them or none.

        Raises:
            RegistryError: 409, one of them is registered already; 400, a name is invalid, or the
                node has too many jobs or processes; 429, the owner has too many.
        """
        node = self._get_node()
        known = self._store.get_jobs(node)
        found: dict[JobName, set[int]] = {}
        for name, pids in jobs.items():
            job = _parse_job(name)
            if job in known or job in found:
                raise conflict(f"job {str(job)!r} is registered already")
            found[job] = _check_pids(job, pids)
        if len(known) + len(found) > MAX_JOBS:
            raise bad_message(f"a node has at most {MAX_JOBS} jobs")
        self._reserve(node, sum(map(len, found.values())), jobs=len(found))
        for job, checked in found.items():
            self._add(node, job, checked)

    def _add(self, node: Node, job: JobName, pids: Collection[int]) -> None:
        self._store.add_job(node, job)
        self._registry.publish("add_job", node, job)
        for pid in sorted(pids):
            self._store.add_pid(node, job, pid)
            self._registry.publish("add_process", node, job, pid=pid)

    def unregister_job(self, name: str) -> None:
        """Remove a job and its processes; do nothing if it is not registered."""
        node, job = self._get_node_and_job(name)
        pids = self._store.get_jobs(node).get(job)
        if pids is not None:
            self._processes -= len(pids)
            self._registry.remove_job(node, job)

    def register_process(self, name: str, pid: int) -> None:
        """Add a process to a job.

        Raises:
            RegistryError: 404, the job is not registered; 409, the process is registered already;
                400, the job or the node has too many processes; 429, the owner has too many.
        """
        node, job = self._get_node_and_job(name)
        pids = self._store.get_jobs(node).get(job)
        if pids is None:
            raise no_job(job)
        if pid in pids:
            raise conflict(f"process {pid} of {str(job)!r} is registered already")
        if len(pids) >= MAX_PIDS:
            raise bad_message(f"a job has at most {MAX_PIDS} processes")
        self._reserve(node, 1)
        self._store.add_pid(node, job, pid)
        self._registry.publish("add_process", node, job, pid=pid)

    def unregister_process(self, name: str, pid: int) -> None:
        """Remove a process from a job; do nothing if it is not registered."""
        node, job = self._get_node_and_job(name)
        if pid in self._store.get_jobs(node).get(job, ()):
            self._store.remove_pid(node, job, pid)
            self._processes -= 1
            self._registry.quotas.release(node.owner, processes=1)
            self._registry.publish("remove_process", node, job, pid=pid)

    def close(self) -> None:
        """End the session and remove the node with all its jobs. May be called again."""
        if not self.closed.is_set():
            self.closed.set()
            self._registry.remove_session(self)

    def _reserve(self, node: Node, processes: int, jobs: int = 0) -> None:
        if self._processes + processes > MAX_PROCESSES:
            raise bad_message(f"a node has at most {MAX_PROCESSES} processes")
        self._registry.quotas.reserve(node.owner, jobs=jobs, processes=processes)
        self._processes += processes

    def _get_node_and_job(self, name: str) -> tuple[Node, JobName]:
        return self._get_node(), _parse_job(name)

    def _get_node(self) -> Node:
        self.ping()
        if self.node is None:
            raise no_identity("send IDENTIFY first")
        return self.node


def _check_pids(job: JobName, pids: Collection[int]) -> set[int]:
    found = set(pids)
    if len(found) < len(pids):
        raise conflict(f"a process of {str(job)!r} is named twice")
    if len(found) > MAX_PIDS:
        raise bad_message(f"a job has at most {MAX_PIDS} processes")
    return found


def _parse_job(name: str) -> JobName:
    try:
        return JobName.parse(name)
    except InvalidField as error:
        raise bad_message(f"job_name: {error.reason}") from None
