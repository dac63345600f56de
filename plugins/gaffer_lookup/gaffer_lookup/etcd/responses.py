"""Responses of a member of an etcd, and the errors in them."""

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

from gaffer_lookup.etcd.errors import (
    EtcdError,
    RejectedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from gaffer_lookup.etcd.wire import Status, decode

if TYPE_CHECKING:
    import httpcore2

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""Bytes of a response, or of one line of a streaming response."""

MAX_REASON_LENGTH = 300
"""Characters of an error message that are kept: they go into the log."""

PERMANENT_CODES = frozenset({3, 5, 6, 7, 9, 11, 12})
"""gRPC codes of errors that every member would return, at any time."""

UNAUTHENTICATED = 16

STALE_TOKEN_PHRASES = ("auth store is old", "user name is empty")
"""Messages with which etcd refuses a token, under the code INVALID_ARGUMENT."""


async def read_body(member: Settings, response: httpcore2.Response) -> bytes:
    """Read the whole body of a response.

    Raises:
        TooLargeError: it exceeds the limit; the rest is not read.
    """
    raw = bytearray()
    with translate_errors(member):
        async with aclosing(response.aiter_stream()) as parts:
            async for data in parts:
                raw += data
                if len(raw) > MAX_RESPONSE_BYTES:
                    raise too_large_error(member.address.text)
    return bytes(raw)


def too_large_error(endpoint: str) -> TooLargeError:
    """Make the error for a response, or a line of one, that exceeds the limit."""
    return TooLargeError(endpoint, f"an answer of more than {MAX_RESPONSE_BYTES} bytes")


@contextmanager
def as_unavailable(endpoint: str) -> Iterator[None]:
    """Raise errors of the connection as an UnavailableError."""
    try:
        yield
    except CertificateError as error:
        reason = f"its certificate is not trusted: {error.reason}"
        raise UnavailableError(endpoint, reason) from None
    except (UnreachableError, ConnectionLostError, NotGafferError) as error:
        raise UnavailableError(endpoint, error.reason) from None
    except ArgumentError as error:
        # A file of certificates that was deleted or changed since the start.
        raise UnavailableError(endpoint, str(error)) from None


def error_from_response(endpoint: str, http_status: int, raw: bytes) -> EtcdError:
    """Make the error for a response whose HTTP status is not 200."""
    try:
        status = decode(raw, Status)
        status = status.error if isinstance(status.error, Status) else status
        # Other servers may have an `error` in their responses too, but without a gRPC code.
        if not status.code and not status.grpc_code:
            raise ValueError("no gRPC code")
    except ValueError:
        reason = f"is not an HTTP gateway of etcd: status {http_status}"
        return UnavailableError(endpoint, reason)
    return error_from_status(endpoint, status)


def error_from_status(endpoint: str, status: Status) -> EtcdError:
    """Make the error for a gRPC status."""
    code = status.code or status.grpc_code
    reason = status.message or str(status.error) or "an error without a message"
    reason = reason.removeprefix("etcdserver: ")[:MAX_REASON_LENGTH]
    if code == UNAUTHENTICATED or any(each in reason for each in STALE_TOKEN_PHRASES):
        return UnauthenticatedError(endpoint, reason)
    if code in PERMANENT_CODES:
        return RejectedError(endpoint, reason)
    return UnavailableError(endpoint, reason)
