"""The JSON of etcd's gateway: bytes are base64, most numbers are strings."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
"""Encode a request out of dictionaries; bytes become base64."""

_Positive = Annotated[int, Meta(gt=0, le=2**63 - 1)]


class Header(Struct):
    """The cluster that responds, and its revision, which counts the changes of the whole etcd."""

    cluster_id: int = 0
    revision: int = 0


class Pair(Struct):
    """A key and its value; of a deleted one only the key."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0
    lease: int = 0


class Response(Struct, kw_only=True):
    """The fields of every response."""

    header: Header = msgspec.field(default_factory=Header)


class Lease(Response):
    """A new lease: its number, and its time to live in seconds."""

    id: _Positive = msgspec.field(name="ID")
    ttl: _Positive = msgspec.field(name="TTL")


class KeepAlive(Response):
    """A renewed lease: its time to live in seconds; 0 when it has expired."""

    ttl: int = msgspec.field(default=0, name="TTL")


class Range(Response):
    """Some keys, in order, and whether there are more of them."""

    kvs: list[Pair] = []
    more: bool = False


class Part(Struct):
    """The result of one operation of a transaction."""

    response_range: Range | None = None


class Txn(Response):
    """Whether the comparisons held, and the result of each operation that was executed."""

    succeeded: bool = False
    responses: list[Part] = []

    def get_pairs(self) -> list[Pair]:
        """Return the keys that the ranges of the transaction have found."""
        ranges = [part.response_range for part in self.responses]
        return [pair for each in ranges if each for pair in each.kvs]


class Change(Struct):
    """A key that was put or deleted."""

    kv: Pair
    type: str = "PUT"


class Changes(Response):
    """A message of a watch: that it begins, what changed, or why it ends.

    A fragment is followed by others that belong to the same change.
    """

    created: bool = False
    canceled: bool = False
    cancel_reason: str = ""
    compact_revision: int = 0
    fragment: bool = False
    events: list[Change] = []


class Status(Struct):
    """A gRPC status: a code and a message.

    Before a streaming response has begun, all of it is in `error`.
    """

    code: int = 0
    grpc_code: int = 0
    message: str = ""
    error: Status | str = ""


class KeepAliveResponse(Struct):
    """The response to a keepalive: a renewed lease, or an error."""

    result: KeepAlive = msgspec.field(default_factory=KeepAlive)
    error: Status | None = None


class WatchLine(Struct):
    """One line of a watch."""

    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: Status | None = None


class Token(Response):
    """The token that replaces the password; it must fit into a header."""

    token: Annotated[str, Meta(pattern=r"^[!-~]+\Z", max_length=16 * 1024)]


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode a response.

    Raises:
        ValueError: it is invalid.
    """
    try:
        return msgspec.json.decode(data, type=kind, strict=False)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


Body = dict[str, Any]
