"""What is kept under which key. One lease is one registration of one node; its number is in each.

    PREFIX/nodes/NAME/OWNER/LEASE      {"name", "origin", "version", "owner"}
    PREFIX/origins/ORIGIN/OWNER/LEASE  the name of the node
    PREFIX/jobs/LEASE/SESSION.JOB      the pids of the job's processes: [1, 2]

OWNER is a hash, and ORIGIN is quoted. A name belongs to one owner as long as there is a key of his
below it, so nobody has to keep a list of who owns what.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Set
from typing import Annotated, NamedTuple
from urllib.parse import quote

import msgspec
from gaffer_kernel import InvalidField, JobName
from msgspec import Meta

from gaffer_lookup.etcd.client import after
from gaffer_lookup.etcd.wire import Body
from gaffer_lookup.protocol import Pid
from gaffer_lookup.registry.errors import Refusal
from gaffer_lookup.registry.node import Node, make_node
from gaffer_lookup.registry.node_session import MAX_PIDS

_LEASE = re.compile(r"[0-9a-f]{16}")

_encode = msgspec.json.Encoder().encode

_Pids = Annotated[list[Pid], Meta(max_length=MAX_PIDS)]


class NodeKey(NamedTuple):
    """The key of a node that is registered."""

    lease: int


class JobKey(NamedTuple):
    """The key of a job of one."""

    lease: int
    job: JobName


class _Value(msgspec.Struct):
    name: str
    origin: str
    version: str
    owner: str


class Keys:
    """The keys below a prefix."""

    def __init__(self, prefix: str) -> None:
        self.all = f"{prefix}/".encode()

    # Of one registration

    def node(self, node: Node, lease: int) -> bytes:
        """The key that says that a node is there."""
        return self._owned("nodes", node.name, node, lease)

    def origin(self, node: Node, lease: int) -> bytes:
        """The key that says that nobody else is at its origin."""
        return self._owned("origins", quote(node.origin, safe=""), node, lease)

    def job(self, lease: int, job: JobName) -> bytes:
        """The key of a job."""
        return self.all + f"jobs/{lease:016x}/{job.session}.{job.name}".encode()

    def of_others(self, node: Node) -> Iterator[tuple[bytes, bytes]]:
        """Where keys are by which others have the name or the origin of a node: begin and end."""
        for mine, depth in ((self.node(node, 0), 2), (self.origin(node, 0), 2)):
            owned = mine[: mine.rindex(b"/") + 1]
            whole = b"/".join(mine.split(b"/")[:-depth]) + b"/"
            yield whole, owned
            yield after(owned), after(whole)

    def _owned(self, kind: str, what: str, node: Node, lease: int) -> bytes:
        owner = hashlib.sha256(node.owner.encode()).hexdigest()[:16]
        return self.all + f"{kind}/{what}/{owner}/{lease:016x}".encode()

    # Read

    def parse(self, key: bytes) -> NodeKey | JobKey | None:
        """What a key is; None if it tells nothing."""
        match key.removeprefix(self.all).decode(errors="replace").split("/"):
            case ["nodes", _, _, lease] if _LEASE.fullmatch(lease):
                return NodeKey(int(lease, 16))
            case ["jobs", lease, name] if _LEASE.fullmatch(lease):
                return self._job(key, int(lease, 16), name)
        return None

    def _job(self, key: bytes, lease: int, name: str) -> JobKey | None:
        try:
            job = JobName.parse(name)
        except InvalidField:
            return None
        # Not another way to write it: a job has one key.
        return JobKey(lease, job) if key == self.job(lease, job) else None

    def read_node(self, key: bytes, value: bytes) -> Node | None:
        """A node as it is told; None if it is none, or not the one whose key it is."""
        try:
            told = msgspec.json.decode(value, type=_Value)
            node = make_node(told.name, told.origin, told.version, told.owner)
        except (ValueError, Refusal, RecursionError):
            return None
        mine = self.node(node, 0)
        return node if key.rpartition(b"/")[0] == mine.rpartition(b"/")[0] else None


def put(key: bytes, value: bytes, lease: int) -> Body:
    """The operation that keeps something under a lease."""
    return {"request_put": {"key": key, "value": value, "lease": str(lease)}}


def delete(key: bytes) -> Body:
    """The operation that deletes a key."""
    return {"request_delete_range": {"key": key}}


def node_value(node: Node) -> bytes:
    """What is told of a node."""
    return _encode(_Value(node.name, node.origin, node.version, node.owner))


def pids_value(pids: Set[int]) -> bytes:
    """What is told of a job."""
    return _encode(sorted(pids))


def read_pids(value: bytes) -> frozenset[int] | None:
    """The pids as they are told; None if they are none."""
    try:
        return frozenset(msgspec.json.decode(value, type=_Pids))
    except (ValueError, RecursionError):
        return None
