"""The task that brings what was written onto the disk, and finds out when a full one has room."""

from __future__ import annotations

import logging
from math import inf

import trio

from gaffer_webhooks.outbox import Outbox

log = logging.getLogger(__package__)

EVERY = 1.0
"""Seconds between two times, at the least."""

TRY_AGAIN = 10.0
"""Seconds until a disk with a problem is tried again."""

LAST_SYNC = 1.0
"""Seconds that the disk has when the plugin closes."""


class Keeper:
    """Tends to outboxes when something was written to them; otherwise it sleeps."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)
        self._work = trio.Event()
        # Dictionaries, as sets have no order.
        self._written: dict[Outbox, None] = {}
        self._troubled: dict[Outbox, None] = {}

    def written(self, outbox: Outbox) -> None:
        """An outbox has something for the disk."""
        if outbox.journal.problem is None:
            self._written[outbox] = None
            self._work.set()
        else:
            self._trouble(outbox)

    def leave(self, outbox: Outbox) -> None:
        """An outbox is gone."""
        self._written.pop(outbox, None)
        self._troubled.pop(outbox, None)

    async def run(self) -> None:
        """Do so until cancelled."""
        while True:
            with trio.move_on_after(TRY_AGAIN if self._troubled else inf):
                await self._work.wait()
            await self._tend()
            await trio.sleep(EVERY)

    async def finish(self) -> None:
        """Do so a last time, within a second."""
        with trio.move_on_after(LAST_SYNC):
            await self._tend()

    async def _tend(self) -> None:
        self._work = trio.Event()
        written, self._written = self._written, {}
        for outbox in [*written, *self._troubled]:
            # It may have been removed while another one was tended to.
            if not outbox.journal.closed:
                await outbox.journal.tend(self._limiter)
            # Or while it was itself.
            if outbox.journal.closed:
                continue
            if outbox.journal.problem is not None:
                self._trouble(outbox)
            else:
                self._recovered(outbox)

    def _trouble(self, outbox: Outbox) -> None:
        if not self._troubled:
            journal = outbox.journal
            reason = journal.problem.strerror if journal.problem else ""
            log.error(
                "%s: %s: until it can be written, messages are kept in memory only",
                journal.path,
                reason,
            )
            # It may be waiting without an end.
            self._work.set()
        self._troubled[outbox] = None

    def _recovered(self, outbox: Outbox) -> None:
        if outbox in self._troubled:
            del self._troubled[outbox]
            if not self._troubled:
                log.info("%s: can be written again", outbox.journal.path)
