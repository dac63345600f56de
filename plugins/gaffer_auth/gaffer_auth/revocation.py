"""What callers ask for, while it goes on: it ends about a second after their rights, or sooner."""

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
from gaffer_auth.token_store import Book

log = logging.getLogger(__package__)

INTERVAL = 1.0
"""Seconds between two looks at the file. Nobody looks when nobody is admitted."""


class Admissions:
    """Those who are admitted at the moment.

    Args:
        book: who is known.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._scopes: dict[trio.CancelScope, Identity] = {}
        self._somebody = trio.Event()
        self._over = False

    @contextmanager
    def admit(self, identity: Identity) -> Iterator[None]:
        """Cancel the block when the rights of a caller end; it then ends quietly."""
        with trio.CancelScope(deadline=_deadline(identity)) as scope:
            self._scopes[scope] = identity
            self._somebody.set()
            if self._over:
                scope.cancel()
            try:
                yield
            finally:
                del self._scopes[scope]

    async def run(self) -> NoReturn:
        """Look after them, for ever."""
        while True:
            await self._somebody.wait()
            while self._scopes:
                await trio.sleep(INTERVAL)
                self._check()
            self._somebody = trio.Event()

    def _check(self) -> None:
        now = datetime.now(UTC)
        known = {entry.name: entry for entry in self._book.entries()}
        for scope, identity in self._scopes.items():
            if not _holds(identity, known.get(identity.entry.name), now):
                self._end(scope, identity)

    def _end(self, scope: trio.CancelScope, identity: Identity) -> None:
        if not scope.cancel_called:
            log.info("%s has lost rights: what it asked for is ended", identity.name)
            scope.cancel()

    def end_all(self) -> None:
        """Cancel everything, also what comes later: nobody will look after it any more."""
        self._over = True
        for scope, identity in self._scopes.items():
            self._end(scope, identity)


def _deadline(identity: Identity) -> float:
    if identity.until is None:
        return inf
    left = identity.until - datetime.now(UTC)
    return trio.current_time() + left.total_seconds()


def _holds(identity: Identity, entry: Entry | None, now: datetime) -> bool:
    """Whether somebody still has the rights with which he came, given what he is known by now."""
    if identity.until is not None and now >= identity.until:
        # The deadline of the scope knows nothing of a clock that was put forward.
        return False
    return entry is not None and entry.counts(now) and entry.covers(identity.entry)
