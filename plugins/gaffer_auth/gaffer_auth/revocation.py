"""Ends the requests of a caller about a second after its permissions were revoked or expired."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from typing import NoReturn

import trio

from gaffer_auth.entries import Entry
from gaffer_auth.identity import Identity
from gaffer_auth.token_store import TokenStore

log = logging.getLogger(__package__)

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the file. There are none without a request in progress."""


class Revocation:
    """Cancels the requests in progress whose caller loses its permissions.

    Args:
        store: the current entries.
    """

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._scopes: dict[trio.CancelScope, Identity] = {}
        self._has_scopes = trio.Event()
        self._closed = False

    @contextmanager
    def scope(self, identity: Identity) -> Iterator[None]:
        """Cancel the block when the caller loses its permissions; the block then ends normally."""
        with trio.CancelScope(deadline=_get_deadline(identity)) as scope:
            self._scopes[scope] = identity
            self._has_scopes.set()
            if self._closed:
                scope.cancel()
            try:
                yield
            finally:
                del self._scopes[scope]

    async def run(self) -> NoReturn:
        """Check the permissions of requests in progress until cancelled."""
        while True:
            await self._has_scopes.wait()
            while self._scopes:
                await trio.sleep(CHECK_INTERVAL)
                self._check()
            self._has_scopes = trio.Event()

    def _check(self) -> None:
        now = datetime.now(UTC)
        current = {entry.name: entry for entry in self._store.entries()}
        for scope, identity in self._scopes.items():
            if not _is_valid(identity, current.get(identity.entry.name), now):
                self._cancel(scope, identity)

    def _cancel(self, scope: trio.CancelScope, identity: Identity) -> None:
        if not scope.cancel_called:
            log.info("%s: permissions lost: its requests in progress are ended", identity.name)
            scope.cancel()

    def cancel_all(self) -> None:
        """Cancel all requests in progress, and later ones at once: `run` no longer checks them."""
        self._closed = True
        for scope, identity in self._scopes.items():
            self._cancel(scope, identity)


def _get_deadline(identity: Identity) -> float:
    if identity.until is None:
        return inf
    left = identity.until - datetime.now(UTC)
    return trio.current_time() + left.total_seconds()


def _is_valid(identity: Identity, current: Entry | None, now: datetime) -> bool:
    """Return whether a caller still has the permissions that it began with."""
    if identity.until is not None and now >= identity.until:
        # The deadline of the scope is monotonic, so it misses a wall clock that was set forward.
        return False
    return current is not None and current.is_valid(now) and current.covers(identity.entry)
