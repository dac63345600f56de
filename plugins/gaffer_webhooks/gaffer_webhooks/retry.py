"""Pure policy: what an answer means for a message, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FIRST_DELAY = 1.0
MAX_DELAY = 300.0
"""Seconds, before chance makes them shorter."""

MAX_RETRY_AFTER = 3600.0
"""Seconds that a receiver may ask for."""

GONE = 410


class Verdict(Enum):
    """What becomes of a message for good."""

    DELIVERED = "delivered"
    DEAD = "dead"
    GONE = "gone"
    """Nobody wants anything there any more: the specification has the hook removed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try.

    Attributes:
        status: of HTTP; None when there was no answer.
        reason: what to tell people, when it was not taken.
        retry_after: seconds that the receiver asked to be left alone.
    """

    status: int | None
    reason: str = ""
    retry_after: float | None = None


def judge(answer: Answer, tries: int, limit: int, chance: float) -> Verdict | float:
    """What becomes of a message, or the seconds until it is sent again.

    Args:
        answer: to the latest try.
        tries: how often it was sent, this time included.
        limit: how often it may be.
        chance: from 0 up to 1; makes the delay as much shorter, so that a receiver who comes back
            is not met by everybody at once.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return Verdict.DELIVERED
    if answer.status == GONE:
        return Verdict.GONE
    if tries >= limit:
        return Verdict.DEAD
    # The exponent is bounded, as no float could hold the power of a large limit.
    delay = chance * min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 30))
    return max(delay, min(answer.retry_after or 0.0, MAX_RETRY_AFTER))
