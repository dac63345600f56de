"""Audit of refused requests: the first of each peer at once, the others as counts once a minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from gaffer_http.auth import audit

AUDITED = frozenset({401, 403, 421, 429})
"""The statuses of refused requests."""

COUNTED = AUDITED - {403}
"""Those that are counted for changes, too: a change without the permission has a line each."""

INTERVAL = 60.0
"""Seconds between two lines about one peer."""

MAX_PEERS = 1024
"""Peers that have lines of their own within INTERVAL; all others share a line."""

OTHERS = "other peers"


@dataclass(slots=True)
class _Peer:
    due: float
    counts: Counter[int] = field(default_factory=Counter)


class Refusals:
    """Counts refused requests by peer; a peer without any costs nothing."""

    def __init__(self) -> None:
        # Ordered by `due`: each entry is appended INTERVAL before that time.
        self._peers: dict[str, _Peer] = {}
        self._added = trio.lowlevel.ParkingLot()

    def note(self, name: str, group: str, what: str, status: int) -> None:
        """Write a line about a refused request, or count it.

        Args:
            name: of the peer or the caller, for the line.
            group: the name under which it is counted.
            what: the request.
            status: of the response.
        """
        if group not in self._peers and len(self._peers) >= MAX_PEERS:
            group = OTHERS
        if group in self._peers:
            self._peers[group].counts[status] += 1
            return
        audit.write(name, what, status)
        self._append(group)
        self._added.unpark_all()

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """Write the counts once a minute while the block lasts, and the rest at its end."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()
                for group, peer in self._peers.items():
                    _write(group, peer.counts)
                self._peers.clear()

    async def _run(self) -> None:
        while True:
            while not self._peers:
                await self._added.park()
            group, peer = next(iter(self._peers.items()))
            await trio.sleep_until(peer.due)
            del self._peers[group]
            if peer.counts:
                _write(group, peer.counts)
                self._append(group)

    def _append(self, group: str) -> None:
        self._peers[group] = _Peer(trio.current_time() + INTERVAL)


def _write(group: str, counts: Counter[int]) -> None:
    if counts:
        shown = ", ".join(f"{number} with {status}" for status, number in sorted(counts.items()))
        audit.write(group, "more requests refused within a minute", shown)
