"""Nodes and what each of them runs, in memory. The rules are in the registry, not here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from typing import Protocol

from gaffer_kernel import JobName

from gaffer_lookup.registry.node import Jobs, Node


class Store(Protocol):
    """The interface of a store, as the registry uses it. No method blocks.

    Callers never name an unknown node or job, and never add a job that the node has already.
    """

    def nodes(self) -> Collection[Node]:
        """All nodes, in the order in which they were added."""

    def add_node(self, node: Node) -> None:
        """Add a node without jobs."""

    def remove_node(self, node: Node) -> None:
        """Remove a node and all its jobs."""

    def get_jobs(self, node: Node) -> Mapping[JobName, Set[int]]:
        """Return the jobs of a node, and their pids."""

    def add_job(self, node: Node, job: JobName) -> None:
        """Add a job without processes to a node."""

    def remove_job(self, node: Node, job: JobName) -> None:
        """Remove a job of a node, and its processes."""

    def add_pid(self, node: Node, job: JobName, pid: int) -> None:
        """Add a process."""

    def remove_pid(self, node: Node, job: JobName, pid: int) -> None:
        """Remove a process."""

    def sessions(self) -> Mapping[str, Jobs]:
        """Every session with its jobs and their sources; none of them is empty."""


class MemoryStore:
    """Keeps nodes in two indexes, by node and by session; the methods are those of Store."""

    def __init__(self) -> None:
        self._nodes: dict[Node, dict[JobName, set[int]]] = {}
        # The sets are those of the other index.
        self._sessions: dict[str, dict[JobName, dict[Node, set[int]]]] = {}

    def nodes(self) -> Collection[Node]:
        return self._nodes.keys()

    def add_node(self, node: Node) -> None:
        self._nodes[node] = {}

    def remove_node(self, node: Node) -> None:
        for job in self._nodes.pop(node):
            self._unindex(node, job)

    def get_jobs(self, node: Node) -> Mapping[JobName, Set[int]]:
        return self._nodes[node]

    def add_job(self, node: Node, job: JobName) -> None:
        pids: set[int] = set()
        self._nodes[node][job] = pids
        self._sessions.setdefault(job.session, {}).setdefault(job, {})[node] = pids

    def remove_job(self, node: Node, job: JobName) -> None:
        del self._nodes[node][job]
        self._unindex(node, job)

    def _unindex(self, node: Node, job: JobName) -> None:
        jobs = self._sessions[job.session]
        del jobs[job][node]
        if not jobs[job]:
            del jobs[job]
        if not jobs:
            del self._sessions[job.session]

    def add_pid(self, node: Node, job: JobName, pid: int) -> None:
        self._nodes[node][job].add(pid)

    def remove_pid(self, node: Node, job: JobName, pid: int) -> None:
        self._nodes[node][job].remove(pid)

    def sessions(self) -> Mapping[str, Jobs]:
        return self._sessions


def iter_jobs(store: Store) -> Iterator[tuple[JobName, Mapping[Node, Set[int]]]]:
    """Yield every job and its sources."""
    for jobs in store.sessions().values():
        yield from jobs.items()
