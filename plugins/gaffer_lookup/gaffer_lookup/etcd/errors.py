"""The errors of etcd: a class for each thing that a caller can decide. Each message is one line."""

from __future__ import annotations


class EtcdError(Exception):
    """Base class of the errors of etcd.

    Args:
        endpoint: the member of etcd, as the user wrote it.
        reason: what is wrong, in the words of etcd or of the system.
    """

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(" ".join(f"{endpoint}: {reason}".split()))
        self.endpoint = endpoint
        self.reason = reason


class UnavailableError(EtcdError):
    """No usable response: try again. The request may have been executed."""


class TooLargeError(UnavailableError):
    """The response exceeds the limit: request less at a time."""


class RejectedError(EtcdError):
    """etcd refuses the request: change the request, or the permissions."""


class UnauthenticatedError(RejectedError):
    """The token is missing or has expired: send the password again."""


class LeaseLostError(EtcdError):
    """The lease has expired, and its keys are deleted: register again."""


class CompactedError(EtcdError):
    """The requested changes are compacted: read everything, and watch from there."""


class NodeTakenError(EtcdError):
    """Another owner has the name or the origin of the node."""
