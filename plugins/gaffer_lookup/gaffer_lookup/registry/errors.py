"""The errors that a node is sent in place of ok."""

from __future__ import annotations


class RegistryError(Exception):
    """A message of a node that is not executed.

    Args:
        errno: an HTTP status: 400, 403, 404, 409 or 429.
        reason: one word for programs.
        message: one sentence for people.
    """

    def __init__(self, errno: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.reason = reason


def no_identity(message: str) -> RegistryError:
    """Make the error for a connection without IDENTIFY, or whose lease has expired."""
    return RegistryError(404, "no_identity", message)


def no_job(job: object) -> RegistryError:
    """Make the error for a job that the node has not registered."""
    return RegistryError(404, "no_job", f"no job {str(job)!r} is registered by this node")


def forbidden(message: str) -> RegistryError:
    """Make the error for a token or certificate that is bound to another node."""
    return RegistryError(403, "forbidden", message)


def conflict(message: str) -> RegistryError:
    """Make the error for something that is registered already, perhaps by another owner."""
    return RegistryError(409, "conflict", message)


def too_many(message: str) -> RegistryError:
    """Make the error for an exhausted quota."""
    return RegistryError(429, "too_many", message)


def bad_message(message: str) -> RegistryError:
    """Make the error for an invalid message."""
    return RegistryError(400, "bad_message", message)
