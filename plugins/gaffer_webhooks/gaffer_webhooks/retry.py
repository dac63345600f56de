"""Retry policy: what a response means for a message, and the delay before the next try."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FIRST_DELAY = 1.0
MAX_DELAY = 300.0
"""Seconds, before jitter shortens them."""

MAX_RETRY_AFTER = 3600.0
"""Seconds that a receiver can ask for with Retry-After."""

GONE = 410


class Outcome(Enum):
    """The final outcome of a message."""

    DELIVERED = "delivered"
    DEAD = "dead"
    GONE = "gone"
    """The receiver wants no more messages: the specification demands that the hook is removed."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one try.

    Attributes:
        status: the HTTP status; None when there was no response.
        reason: why the message was not delivered, for people.
        retry_after: seconds to wait, from the header Retry-After.
    """

    status: int | None
    reason: str = ""
    retry_after: float | None = None


def decide(result: SendResult, tries: int, limit: int, jitter: float) -> Outcome | float:
    """Return the outcome of a message, or the delay in seconds before it is sent again.

    Args:
        result: the result of the latest try.
        tries: how often the message was sent, the latest try included.
        limit: how often it may be sent.
        jitter: a factor from 0 to 1 for the delay, so that a receiver that comes back does not get
            the messages of all senders at once.
    """
    if result.status is not None and 200 <= result.status < 300:
        return Outcome.DELIVERED
    if result.status == GONE:
        return Outcome.GONE
    if tries >= limit:
        return Outcome.DEAD
    # The exponent is bounded: 2.0 to the power of a large limit overflows a float.
    delay = jitter * min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 30))
    return max(delay, min(result.retry_after or 0.0, MAX_RETRY_AFTER))
