"""What a node is told instead of ok."""

from __future__ import annotations


class Refusal(Exception):
    """What a node asks for is not done.

    Args:
        errno: as the status of HTTP: 400, 403, 404, 409 or 429.
        reason: one word for programs.
        message: one sentence for people.
    """

    def __init__(self, errno: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.reason = reason


def no_identity(message: str) -> Refusal:
    """It is not known who says that, or no longer."""
    return Refusal(404, "no_identity", message)


def no_job(job: object) -> Refusal:
    """The node has registered no such job."""
    return Refusal(404, "no_job", f"no job {str(job)!r} is registered by this node")


def forbidden(message: str) -> Refusal:
    """The token or certificate is bound to another node."""
    return Refusal(403, "forbidden", message)


def conflict(message: str) -> Refusal:
    """It is there already, or somebody else's."""
    return Refusal(409, "conflict", message)


def too_many(message: str) -> Refusal:
    """There is no more room for it."""
    return Refusal(429, "too_many", message)


def bad_message(message: str) -> Refusal:
    """It means nothing."""
    return Refusal(400, "bad_message", message)
