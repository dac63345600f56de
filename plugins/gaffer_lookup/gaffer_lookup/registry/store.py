"""Where facts are kept: which nodes there are, and what each of them runs. No rule is here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from typing import Protocol

from gaffer_kernel import JobName

from gaffer_lookup.registry.node import Jobs, Node


class Store(Protocol):
    """What the registry needs of a place for facts. Nothing in it waits.

    A node that is not there is never named, nor is a job that it has not, or that it has already.
    """

    def nodes(self) -> Collection[Node]:
        """All nodes, in the order of their coming."""

    def add_node(self, node: Node) -> None:
        """Keep a node, which has no job."""

    def remove_node(self, node: Node) -> None:
        """Forget a node and all that it runs."""

    def jobs_of(self, node: Node) -> Mapping[JobName, Set[int]]:
        """The jobs of a node, and their pids."""

    def add_job(self, node: Node, job: JobName) -> None:
        """Keep a job of a node, which has no process."""

    def remove_job(self, node: Node, job: JobName) -> None:
        """Forget a job of a node, and its processes."""

    def add_pid(self, node: Node, job: JobName, pid: int) -> None:
        """Keep a process."""

    def remove_pid(self, node: Node, job: JobName, pid: int) -> None:
        """Forget a process."""

    def sessions(self) -> Mapping[str, Jobs]:
        """Every session with its jobs and who has them; none of them is empty."""


class MemoryStore:
    """A Store for one program, and no longer than it runs."""

    def __init__(self) -> None:
        self._nodes: dict[Node, dict[JobName, set[int]]] = {}
        # The sets are those of the other index.
        self._sessions: dict[str, dict[JobName, dict[Node, set[int]]]] = {}

    def nodes(self) -> Collection[Node]:
        """As the protocol says; so do all the others."""
        return self._nodes.keys()

    def add_node(self, node: Node) -> None:
        self._nodes[node] = {}

    def remove_node(self, node: Node) -> None:
        for job in self._nodes.pop(node):
            self._forget(node, job)

    def jobs_of(self, node: Node) -> Mapping[JobName, Set[int]]:
        return self._nodes[node]

    def add_job(self, node: Node, job: JobName) -> None:
        pids: set[int] = set()
        self._nodes[node][job] = pids
        self._sessions.setdefault(job.session, {}).setdefault(job, {})[node] = pids

    def remove_job(self, node: Node, job: JobName) -> None:
        del self._nodes[node][job]
        self._forget(node, job)

    def _forget(self, node: Node, job: JobName) -> None:
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


def all_jobs(store: Store) -> Iterator[tuple[JobName, Mapping[Node, Set[int]]]]:
    """Every job and who has it."""
    for jobs in store.sessions().values():
        yield from jobs.items()
