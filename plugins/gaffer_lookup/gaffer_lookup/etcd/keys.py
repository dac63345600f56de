"""The layout of keys and values. A lease is one registration of a node; each key has its number.

    PREFIX/nodes/NAME/OWNER/LEASE      {"name", "origin", "version", "owner"}
    PREFIX/origins/ORIGIN/OWNER/LEASE  the name of the node
    PREFIX/jobs/LEASE/SESSION.JOB      the pids of the job's processes: [1, 2]

OWNER is a hash, and ORIGIN is quoted. A name belongs to one owner as long as one of the owner's
keys is below it, so there is no separate list of owners.
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

from gaffer_lookup.etcd.client import get_range_end
from gaffer_lookup.etcd.wire import Body
from gaffer_lookup.protocol import Pid
from gaffer_lookup.registry.errors import RegistryError
from gaffer_lookup.registry.node import Node, make_node
from gaffer_lookup.registry.node_session import MAX_PIDS

_LEASE = re.compile(r"[0-9a-f]{16}")

_encode = msgspec.json.Encoder().encode

_Pids = Annotated[list[Pid], Meta(max_length=MAX_PIDS)]


class NodeKey(NamedTuple):
    """The key of a registered node."""

    lease: int


class JobKey(NamedTuple):
    """The key of a job of a node."""

    lease: int
    job: JobName


class _Value(msgspec.Struct):
    name: str
    origin: str
    version: str
    owner: str


class Keys:
    """The keys below a prefix.

    Attributes:
        all: the prefix of all of them, with a `/` at its end.
    """

    def __init__(self, prefix: str) -> None:
        self.all = f"{prefix}/".encode()

    # Of one registration

    def node(self, node: Node, lease: int) -> bytes:
        """Return the key of a node."""
        return self._owned("nodes", node.name, node, lease)

    def origin(self, node: Node, lease: int) -> bytes:
        """Return the key that reserves the origin of a node."""
        return self._owned("origins", quote(node.origin, safe=""), node, lease)

    def job(self, lease: int, job: JobName) -> bytes:
        """Return the key of a job."""
        return self.all + f"jobs/{lease:016x}/{job.session}.{job.name}".encode()

    def get_foreign_ranges(self, node: Node) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ranges of keys by which other owners have the name or origin of a node."""
        for own, depth in ((self.node(node, 0), 2), (self.origin(node, 0), 2)):
            owned = own[: own.rindex(b"/") + 1]
            whole = b"/".join(own.split(b"/")[:-depth]) + b"/"
            yield whole, owned
            yield get_range_end(owned), get_range_end(whole)

    def _owned(self, kind: str, what: str, node: Node, lease: int) -> bytes:
        owner = hashlib.sha256(node.owner.encode()).hexdigest()[:16]
        return self.all + f"{kind}/{what}/{owner}/{lease:016x}".encode()

    # Decode

    def parse(self, key: bytes) -> NodeKey | JobKey | None:
        """Parse a key; None if it is neither that of a node nor that of a job."""
        match key.removeprefix(self.all).decode(errors="replace").split("/"):
            case ["nodes", _, _, lease] if _LEASE.fullmatch(lease):
                return NodeKey(int(lease, 16))
            case ["jobs", lease, name] if _LEASE.fullmatch(lease):
                return self._parse_job(key, int(lease, 16), name)
        return None

    def _parse_job(self, key: bytes, lease: int, name: str) -> JobKey | None:
        try:
            job = JobName.parse(name)
        except InvalidField:
            return None
        # Only the canonical spelling: a job has one key.
        return JobKey(lease, job) if key == self.job(lease, job) else None

    def decode_node(self, key: bytes, value: bytes) -> Node | None:
        """Decode the value of a node; None if it is invalid, or does not match the key."""
        try:
            fields = msgspec.json.decode(value, type=_Value)
            node = make_node(fields.name, fields.origin, fields.version, fields.owner)
        except (ValueError, RegistryError, RecursionError):
            return None
        own = self.node(node, 0)
        return node if key.rpartition(b"/")[0] == own.rpartition(b"/")[0] else None


def put(key: bytes, value: bytes, lease: int) -> Body:
    """Return the operation that puts a key under a lease."""
    return {"request_put": {"key": key, "value": value, "lease": str(lease)}}


def delete(key: bytes) -> Body:
    """Return the operation that deletes a key."""
    return {"request_delete_range": {"key": key}}


def encode_node(node: Node) -> bytes:
    """Encode the value of a node."""
    return _encode(_Value(node.name, node.origin, node.version, node.owner))


def encode_pids(pids: Set[int]) -> bytes:
    """Encode the value of a job."""
    return _encode(sorted(pids))


def decode_pids(value: bytes) -> frozenset[int] | None:
    """Decode the value of a job; None if it is invalid."""
    try:
        return frozenset(msgspec.json.decode(value, type=_Pids))
    except (ValueError, RecursionError):
        return None
