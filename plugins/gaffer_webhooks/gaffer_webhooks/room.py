"""What the messages of all URLs may take together."""

from __future__ import annotations

from collections.abc import Collection

from gaffer_webhooks.outbox import Outbox

MAX_BYTES = 64 * 2**20
"""Of all messages, waiting or dead: in memory, and about twice that on disk."""

STEP = 64 * 2**10
"""Bytes that one URL loses before it is asked again who has most."""


def make_room(outboxes: Collection[Outbox]) -> None:
    """Have the URL that has most drop its oldest messages, as long as all have too much.

    So a URL that is down for long costs those nothing whose messages arrive.

    Args:
        outboxes: of all URLs.
    """
    excess = sum(each.weight for each in outboxes) - MAX_BYTES
    while excess > 0:
        fullest = max(outboxes, key=lambda each: each.weight)
        excess -= fullest.shed(min(excess, STEP))
