"""One connection of a node: what it may say, and when."""

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
"""Of one node."""

MAX_PIDS = 10_000
"""Of one job on one node."""

MAX_PROCESSES = 100_000
"""Of all jobs of one node."""


class Registrant:
    """Somebody who may register one node, until he leaves or is silent for longer than a lease.

    Every verb begins the lease anew, and raises a Refusal when it is not done: 404 before IDENTIFY
    and after the end. Made by `Registry.connect`.

    Attributes:
        node: what he has registered.
        gone: set at the end.
    """

    def __init__(self, registry: Registry, owner: str, binding: Binding | None = None) -> None:
        self.node: Node | None = None
        self.gone = trio.Event()
        self._registry = registry
        self._store = registry.store
        self._owner = owner
        self._binding = binding
        self._processes = 0

    def __str__(self) -> str:
        return f"node {self.node}" if self.node else f"a connection of {self._owner}"

    # Verbs

    def identify(self, name: str, origin: str, version: str) -> None:
        """Say which node it is.

        Raises:
            Refusal: 409, this has been said, or the node is another's or on another connection;
                400, it cannot be true; 403, the owner's token or certificate is bound to another
                node or origin; 429, the owner has too many nodes.
        """
        self.ping()
        if self.node is not None:
            raise conflict(f"this connection is that of {self.node}")
        node = make_node(name, origin, version, self._owner)
        if self._binding is not None:
            self._binding.check(self._owner, name, origin)
        self._registry.admit(node)
        self.node = node

    def ping(self) -> None:
        """Give a sign of life."""
        if self.gone.is_set():
            raise no_identity("this connection has been silent for too long: connect again")
        self._registry.heard(self)

    def register_job(self, name: str) -> None:
        """Tell of a job.

        Raises:
            Refusal: 409, it has been told of; 400, that is no name, or one job too many; 429, so it
                is for the owner.
        """
        self.register_jobs({name: ()})

    def register_jobs(self, jobs: Mapping[str, Collection[int]]) -> None:
        """Tell of jobs and their processes, all of them or none.

        Raises:
            Refusal: 409, one of them has been told of; 400, one has no name, or there are too many;
                429, so there are for the owner.
        """
        node = self._identified()
        known = self._store.jobs_of(node)
        found: dict[JobName, set[int]] = {}
        for name, pids in jobs.items():
            job = _parsed(name)
            if job in known or job in found:
                raise conflict(f"job {str(job)!r} is registered already")
            found[job] = _distinct(job, pids)
        if len(known) + len(found) > MAX_JOBS:
            raise bad_message(f"a node has at most {MAX_JOBS} jobs")
        self._make_room(node, sum(map(len, found.values())), jobs=len(found))
        for job, its in found.items():
            self._add(node, job, its)

    def _add(self, node: Node, job: JobName, pids: Collection[int]) -> None:
        self._store.add_job(node, job)
        self._registry.tell("add_job", node, job)
        for pid in sorted(pids):
            self._store.add_pid(node, job, pid)
            self._registry.tell("add_process", node, job, pid=pid)

    def unregister_job(self, name: str) -> None:
        """Tell that a job is gone, with all its processes; nothing if it was not there."""
        node, job = self._named(name)
        pids = self._store.jobs_of(node).get(job)
        if pids is not None:
            self._processes -= len(pids)
            self._registry.forget_job(node, job)

    def register_process(self, name: str, pid: int) -> None:
        """Tell of a process.

        Raises:
            Refusal: 404, its job is not registered; 409, it is registered already; 400, one too
                many; 429, so it is for the owner.
        """
        node, job = self._named(name)
        pids = self._store.jobs_of(node).get(job)
        if pids is None:
            raise no_job(job)
        if pid in pids:
            raise conflict(f"process {pid} of {str(job)!r} is registered already")
        if len(pids) >= MAX_PIDS:
            raise bad_message(f"a job has at most {MAX_PIDS} processes")
        self._make_room(node, 1)
        self._store.add_pid(node, job, pid)
        self._registry.tell("add_process", node, job, pid=pid)

    def unregister_process(self, name: str, pid: int) -> None:
        """Tell that a process is gone; nothing if it was not there."""
        node, job = self._named(name)
        if pid in self._store.jobs_of(node).get(job, ()):
            self._store.remove_pid(node, job, pid)
            self._processes -= 1
            self._registry.shares.give(node.owner, processes=1)
            self._registry.tell("remove_process", node, job, pid=pid)

    def leave(self) -> None:
        """End: the node is gone, and all that it has registered. May be called again."""
        if not self.gone.is_set():
            self.gone.set()
            self._registry.left(self)

    def _make_room(self, node: Node, processes: int, jobs: int = 0) -> None:
        if self._processes + processes > MAX_PROCESSES:
            raise bad_message(f"a node has at most {MAX_PROCESSES} processes")
        self._registry.shares.take(node.owner, jobs=jobs, processes=processes)
        self._processes += processes

    def _named(self, name: str) -> tuple[Node, JobName]:
        return self._identified(), _parsed(name)

    def _identified(self) -> Node:
        self.ping()
        if self.node is None:
            raise no_identity("say IDENTIFY first")
        return self.node


def _distinct(job: JobName, pids: Collection[int]) -> set[int]:
    found = set(pids)
    if len(found) < len(pids):
        raise conflict(f"a process of {str(job)!r} is named twice")
    if len(found) > MAX_PIDS:
        raise bad_message(f"a job has at most {MAX_PIDS} processes")
    return found


def _parsed(name: str) -> JobName:
    try:
        return JobName.parse(name)
    except InvalidField as error:
        raise bad_message(f"job_name: {error.reason}") from None
