"""What can go wrong with etcd: a class for each thing a caller can decide. Each is one line."""

from __future__ import annotations


class EtcdError(Exception):
    """Base of all.

    Args:
        endpoint: the member of etcd, as it was written.
        reason: what is wrong, in its words or those of the system.
    """

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(" ".join(f"{endpoint}: {reason}".split()))
        self.endpoint = endpoint
        self.reason = reason


class Unavailable(EtcdError):
    """It is not there, or cannot do it now, or is no etcd; it may have been done: try again."""


class TooLarge(Unavailable):
    """The answer would be no good for our memory: ask for less at a time."""


class Refused(EtcdError):
    """It says no: what is asked, or who may ask it, has to be changed."""


class Unauthenticated(Refused):
    """It does not know us, or no longer: give the password again."""


class LeaseLost(EtcdError):
    """The lease has ended, and what was kept under it is gone: begin anew."""


class Compacted(EtcdError):
    """What was to be told has been forgotten: read everything, and go on from there."""


class Taken(EtcdError):
    """The name or the origin of a node is somebody else's."""
