"""What can go wrong: a class for each thing a caller can decide. Printed, each is a single line."""

from __future__ import annotations

from collections.abc import Mapping


class ClientError(Exception):
    """Base of everything that this package raises."""

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class ArgumentError(ClientError, ValueError):
    """An argument means nothing, and nothing was sent: correct it."""


class UnreachableError(ClientError):
    """Nobody answers at the address, and nothing was done: start gafferd, or try again later.

    Args:
        address: where, as it was given.
        reason: why not, in words of the system.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"nobody answers at {address}: {reason}")
        self.address = address
        self.reason = reason


class CertificateError(UnreachableError):
    """Who answers shows a certificate that is not to be trusted: correct `ca_file` or the address.

    Args:
        address: where, as it was given.
        reason: what is wrong with the certificate.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.args = (f"the certificate of {address} is not to be trusted: {reason}",)


class ConnectionLostError(ClientError):
    """No answer came, or it broke off: what was asked for may have been done all the same.

    Args:
        address: where, as it was given.
        reason: what happened.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"lost {address}: {reason}")
        self.address = address
        self.reason = reason


class NoLookupdError(ClientError):
    """None of the lookupds tells anything: start one, or correct the addresses or the token.

    Args:
        failed: what became of each, by its address.
    """

    def __init__(self, failed: Mapping[str, ClientError]) -> None:
        refused = all(isinstance(error, ResponseError) for error in failed.values())
        reasons = "; ".join(describe_error(address, error) for address, error in failed.items())
        super().__init__(reasons if refused else f"no lookupd answers: {reasons}")
        self.failed = failed


class NotGafferError(ClientError):
    """Something else than gaffer answers, or one too old or too new: correct the address.

    Args:
        address: where, as it was given.
        reason: what is wrong with the answer.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"what answers at {address} is not gaffer's API: {reason}")
        self.address = address
        self.reason = reason


class NotSettledError(ClientError):
    """What was asked for is recorded, but has not come true within `wait` seconds."""


class ResponseError(ClientError):
    """gaffer answers with an error.

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
    """A value that was sent cannot be accepted; the reason names it."""


class UnauthorizedError(ResponseError):
    """The token or certificate means nothing, or there is none and one is needed."""


class ForbiddenError(ResponseError):
    """gaffer knows who is calling, and he has no right to that."""


class NotFoundError(ResponseError):
    """There is no such job, process, session or stream, or no plugin that knows the path."""


class ConflictError(ResponseError):
    """There is a job of that name: update it, or choose another one."""


class BusyError(ResponseError):
    """gaffer is starting, ending, or asked too much: try again later."""


class ServerError(ResponseError):
    """gaffer itself has failed; its log says more."""


def describe_error(address: str, error: ClientError) -> str:
    """What an error says, with the address that it is from: a refusal does not name it."""
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
    """The error of an answer, by its status."""
    kind = _BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidValueError)
    return kind(status, error, reason)
