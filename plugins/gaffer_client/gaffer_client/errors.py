"""What can go wrong: a class for each thing a caller can decide. Printed, each is a single line."""

from __future__ import annotations

from collections.abc import Mapping


class ClientError(Exception):
    """Base of everything that this package raises."""

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class BadOption(ClientError, ValueError):
    """An argument means nothing, and nothing was sent: correct it."""


class Unreachable(ClientError):
    """Nobody answers at the address, and nothing was done: start gafferd, or try again later.

    Args:
        address: where, as it was given.
        reason: why not, in words of the system.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"nobody answers at {address}: {reason}")
        self.address = address
        self.reason = reason


class Untrusted(Unreachable):
    """Who answers shows a certificate that is not to be trusted: correct `ca_file` or the address.

    Args:
        address: where, as it was given.
        reason: what is wrong with the certificate.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.args = (f"the certificate of {address} is not to be trusted: {reason}",)


class ConnectionLost(ClientError):
    """No answer came, or it broke off: what was asked for may have been done all the same.

    Args:
        address: where, as it was given.
        reason: what happened.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"lost {address}: {reason}")
        self.address = address
        self.reason = reason


class NoLookupd(ClientError):
    """None of the lookupds tells anything: start one, or correct the addresses or the token.

    Args:
        failed: what became of each, by its address.
    """

    def __init__(self, failed: Mapping[str, ClientError]) -> None:
        refused = all(isinstance(error, Refused) for error in failed.values())
        reasons = "; ".join(told_by(address, error) for address, error in failed.items())
        super().__init__(reasons if refused else f"no lookupd answers: {reasons}")
        self.failed = failed


class NotGaffer(ClientError):
    """Something else than gaffer answers, or one too old or too new: correct the address.

    Args:
        address: where, as it was given.
        reason: what is wrong with the answer.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"what answers at {address} is not gaffer's API: {reason}")
        self.address = address
        self.reason = reason


class NotSettled(ClientError):
    """What was asked for is recorded, but has not come true within `wait` seconds."""


class Refused(ClientError):
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


class Invalid(Refused):
    """A value that was sent cannot be accepted; the reason names it."""


class Unauthorized(Refused):
    """The token or certificate means nothing, or there is none and one is needed."""


class Forbidden(Refused):
    """gaffer knows who is calling, and he has no right to that."""


class NotFound(Refused):
    """There is no such job, process, session or stream, or no plugin that knows the path."""


class Conflict(Refused):
    """There is a job of that name: update it, or choose another one."""


class Busy(Refused):
    """gaffer is starting, ending, or asked too much: try again later."""


class ServerFailure(Refused):
    """gaffer itself has failed; its log says more."""


def told_by(address: str, error: ClientError) -> str:
    """What an error says, with the address that it is from: a refusal does not name it."""
    return f"{address}: {error}" if isinstance(error, Refused) else str(error)


_BY_STATUS: dict[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    421: Forbidden,
    429: Busy,
    503: Busy,
}


def refusal(status: int, error: str, reason: str) -> Refused:
    """The error of an answer, by its status."""
    kind = _BY_STATUS.get(status) or (ServerFailure if status >= 500 else Invalid)
    return kind(status, error, reason)
