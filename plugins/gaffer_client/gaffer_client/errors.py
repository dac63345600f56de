"""Exceptions: one class for each case that callers handle differently; each prints one line."""

from __future__ import annotations

from collections.abc import Mapping


class ClientError(Exception):
    """Base of all exceptions that this package raises."""

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class ArgumentError(ClientError, ValueError):
    """An argument is invalid; nothing was sent. Correct the argument."""


class UnreachableError(ClientError):
    """No connection could be made; nothing was done. Start gafferd, or try again later.

    Args:
        address: the address of the server, as it was given.
        reason: the error of the operating system, in plain words.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: cannot connect: {reason}")
        self.address = address
        self.reason = reason


class CertificateError(UnreachableError):
    """The certificate of the server is not trusted. Correct `ca_file` or the address.

    Args:
        address: the address of the server, as it was given.
        reason: what is wrong with the certificate.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.args = (f"{address}: certificate not trusted: {reason}",)


class ConnectionLostError(ClientError):
    """The response is missing or incomplete. The server may have carried out the request.

    Args:
        address: the address of the server, as it was given.
        reason: what happened.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: connection lost: {reason}")
        self.address = address
        self.reason = reason


class NoLookupdError(ClientError):
    """No lookupd answers the query. Start one, or correct the addresses or the token.

    Args:
        failed: the error of each lookupd, by its address.
    """

    def __init__(self, failed: Mapping[str, ClientError]) -> None:
        refused = all(isinstance(error, ResponseError) for error in failed.values())
        reasons = "; ".join(describe_error(address, error) for address, error in failed.items())
        super().__init__(reasons if refused else f"no lookupd answers: {reasons}")
        self.failed = failed


class NotGafferError(ClientError):
    """The server is not gaffer, or its version is too old or too new. Correct the address.

    Args:
        address: the address of the server, as it was given.
        reason: what is wrong with the response.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: not gaffer's API: {reason}")
        self.address = address
        self.reason = reason


class NotSettledError(ClientError):
    """The request is recorded, but was not completed within `wait` seconds."""


class RestartFailedError(NotSettledError):
    """A restart or a new configuration failed and was taken back: the old processes run on."""


class ResponseError(ClientError):
    """gaffer responds with an error status.

    Args:
        status: the HTTP status.
        error: one word for programs, such as `not_found`.
        reason: one sentence for people.
    """

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


class InvalidValueError(ResponseError):
    """gaffer does not accept a value of the request; the reason names the value."""


class UnauthorizedError(ResponseError):
    """The token or certificate is missing, unknown, revoked or expired."""


class ForbiddenError(ResponseError):
    """The caller does not have the permission for this request."""


class NotFoundError(ResponseError):
    """The job, process, session or stream does not exist, or no plugin serves the path."""


class ConflictError(ResponseError):
    """A job with this name exists already, or no process runs that could take a signal."""


class BusyError(ResponseError):
    """gaffer is starting, stopping or overloaded. Try again later."""


class ServerError(ResponseError):
    """gaffer failed to handle the request; its log says more."""


def describe_error(address: str, error: ClientError) -> str:
    """Return the message of an error with the address of the server.

    The message of a ResponseError is the server's own, which does not contain the address.
    """
    return f"{address}: {error}" if isinstance(error, ResponseError) else str(error)


_BY_STATUS: dict[int, type[ResponseError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    421: ForbiddenError,
    429: BusyError,
    503: BusyError,
}


def make_response_error(status: int, error: str, reason: str) -> ResponseError:
    """Create the exception for an error response, by its status."""
    kind = _BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidValueError)
    return kind(status, error, reason)
