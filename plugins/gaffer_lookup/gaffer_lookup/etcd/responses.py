"""What a member of an etcd answers: as it is, or as the error that it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING

from gaffer_client._async.transport import translate_errors
from gaffer_client.errors import (
    ArgumentError,
    CertificateError,
    ConnectionLostError,
    NotGafferError,
    UnreachableError,
)
from gaffer_client.settings import Settings

from gaffer_lookup.etcd.errors import EtcdError, Refused, TooLarge, Unauthenticated, Unavailable
from gaffer_lookup.etcd.wire import Failure, decode

if TYPE_CHECKING:
    import httpcore2

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer, or of one line of an answer that goes on."""

LONGEST = 300
"""Characters of its words that are told: they go into the log."""

FINAL = frozenset({3, 5, 6, 7, 9, 11, 12})
"""Numbers of gRPC for what every member would say, at any time."""

UNAUTHENTICATED = 16

STALE = ("auth store is old", "user name is empty")
"""Words, under the number of wrong arguments, with which a token is refused."""


async def read(member: Settings, response: httpcore2.Response) -> bytes:
    """The whole of an answer.

    Raises:
        TooLarge: it is not read to its end.
    """
    raw = bytearray()
    with translate_errors(member):
        async with aclosing(response.aiter_stream()) as parts:
            async for data in parts:
                raw += data
                if len(raw) > LARGEST:
                    raise too_large(member.address.text)
    return bytes(raw)


def too_large(endpoint: str) -> TooLarge:
    """What is said of an answer, or a line of one, that has no end."""
    return TooLarge(endpoint, f"an answer of more than {LARGEST} bytes")


@contextmanager
def unreachable(endpoint: str) -> Iterator[None]:
    """Raise what the connection does as an Unavailable."""
    try:
        yield
    except CertificateError as error:
        reason = f"its certificate is not to be trusted: {error.reason}"
        raise Unavailable(endpoint, reason) from None
    except (UnreachableError, ConnectionLostError, NotGafferError) as error:
        raise Unavailable(endpoint, error.reason) from None
    except ArgumentError as error:
        # A file of certificates that is no longer what it was at the start.
        raise Unavailable(endpoint, str(error)) from None


def http_failure(endpoint: str, status: int, raw: bytes) -> EtcdError:
    """What the status of an answer says, with its words."""
    try:
        said = decode(raw, Failure)
        said = said.error if isinstance(said.error, Failure) else said
        # Others may have an `error` in their answers, too, but not with a number.
        if not said.code and not said.grpc_code:
            raise ValueError("no number")
    except ValueError:
        return Unavailable(endpoint, f"is no HTTP gateway of etcd: status {status}")
    return failure(endpoint, said)


def failure(endpoint: str, said: Failure) -> EtcdError:
    """What etcd says, as the error that it is."""
    code = said.code or said.grpc_code
    words = said.message or str(said.error) or "an error without words"
    words = words.removeprefix("etcdserver: ")[:LONGEST]
    if code == UNAUTHENTICATED or any(each in words for each in STALE):
        return Unauthenticated(endpoint, words)
    return Refused(endpoint, words) if code in FINAL else Unavailable(endpoint, words)
