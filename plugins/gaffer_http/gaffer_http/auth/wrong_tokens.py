"""A limit on the wrong tokens of a peer."""

from __future__ import annotations

from collections import deque

import trio

from gaffer_http.errors import error_from_status
from gaffer_http.serve.peer import Peer

MAX_WRONG = 10
"""Wrong tokens of one peer that are answered with 401 within WINDOW; the next ones get 429."""

WINDOW = 60.0
"""Seconds."""

_MAX_PEERS = 1024
"""Peers whose wrong tokens are counted; with more, the entry that was added first is dropped."""


class WrongTokens:
    """Counts the wrong tokens of each user, IPv4 address and IPv6 /64 network."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def count(self, peer: Peer) -> None:
        """Count a wrong token.

        Raises:
            ApiError: 429, the peer has shown MAX_WRONG others within the last WINDOW.
        """
        now = trio.current_time()
        times = self._times.setdefault(peer.group, deque(maxlen=MAX_WRONG))
        if len(times) == MAX_WRONG and now - times[0] < WINDOW:
            raise error_from_status(
                429,
                f"{peer.group} has shown {MAX_WRONG} wrong tokens within a minute:"
                " show a valid one, or wait for a minute",
            )
        times.append(now)
        if len(self._times) > _MAX_PEERS:
            del self._times[next(iter(self._times))]
