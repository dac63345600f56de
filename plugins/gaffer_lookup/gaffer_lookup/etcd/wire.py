"""What etcd says, in the JSON of its gateway: bytes are base64, most numbers are texts."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
"""Makes a request out of dictionaries; bytes become base64."""

_Positive = Annotated[int, Meta(gt=0, le=2**63 - 1)]


class Header(Struct):
    """Who says it, and when: the revision counts the changes of the whole etcd."""

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


class Answer(Struct, kw_only=True):
    """What is in all answers."""

    header: Header = msgspec.field(default_factory=Header)


class Lease(Answer):
    """A lease that begins: its number, and the seconds it lasts."""

    id: _Positive = msgspec.field(name="ID")
    ttl: _Positive = msgspec.field(name="TTL")


class Kept(Answer):
    """A lease that goes on: the seconds it lasts; 0 when it has ended."""

    ttl: int = msgspec.field(default=0, name="TTL")


class Range(Answer):
    """Some keys, in their order; whether there are more of them."""

    kvs: list[Pair] = []
    more: bool = False


class Part(Struct):
    """What one operation of a transaction has given."""

    response_range: Range | None = None


class Txn(Answer):
    """Whether what was compared was so, and what each operation that followed has given."""

    succeeded: bool = False
    responses: list[Part] = []

    def found(self) -> list[Pair]:
        """The keys that its ranges have found."""
        return [pair for part in self.responses if part.response_range for pair in _of(part)]


def _of(part: Part) -> list[Pair]:
    return part.response_range.kvs if part.response_range else []


class Change(Struct):
    """A key was put, or deleted."""

    kv: Pair
    type: str = "PUT"


class Changes(Answer):
    """What a watch tells: that it begins, what changed, or why it ends.

    A fragment is followed by others that belong to the same change.
    """

    created: bool = False
    canceled: bool = False
    cancel_reason: str = ""
    compact_revision: int = 0
    fragment: bool = False
    events: list[Change] = []


class Failure(Struct):
    """Why something was not done: a number of gRPC, and words.

    Before an answer that goes on has begun, all of it is in `error`.
    """

    code: int = 0
    grpc_code: int = 0
    message: str = ""
    error: Failure | str = ""


class Beat(Struct):
    """The answer to a sign of life: a lease that goes on, or why it does not."""

    result: Kept = msgspec.field(default_factory=Kept)
    error: Failure | None = None


class Told(Struct):
    """One line of what a watch tells."""

    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: Failure | None = None


class Token(Answer):
    """What is shown in place of a password; it has to fit into a header."""

    token: Annotated[str, Meta(pattern=r"^[!-~]+\Z", max_length=16 * 1024)]


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Read an answer.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=kind, strict=False)
    except RecursionError:
        raise ValueError("it has no end") from None


Body = dict[str, Any]
