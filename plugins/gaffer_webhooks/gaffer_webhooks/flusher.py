"""The task that flushes queues to disk, and retries a disk that cannot be written."""

from __future__ import annotations

import logging
from math import inf

import trio

from gaffer_webhooks.outbox import Outbox

log = logging.getLogger(__package__)

FLUSH_INTERVAL = 1.0
"""Seconds between two flushes, at least."""

RETRY_INTERVAL = 10.0
"""Seconds between two tries while a file cannot be written."""

FINAL_FLUSH_TIMEOUT = 1.0
"""Seconds for the last flush when the plugin closes."""


class Flusher:
    """Flush outboxes after they were written to; sleep otherwise."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)
        self._work = trio.Event()
        # Dictionaries serve as ordered sets.
        self._written: dict[Outbox, None] = {}
        self._failing: dict[Outbox, None] = {}

    def mark_written(self, outbox: Outbox) -> None:
        """Schedule a flush of an outbox that was written to."""
        if outbox.journal.error is None:
            self._written[outbox] = None
            self._work.set()
        else:
            self._mark_failing(outbox)

    def remove_outbox(self, outbox: Outbox) -> None:
        """Forget an outbox."""
        self._written.pop(outbox, None)
        self._failing.pop(outbox, None)

    async def run(self) -> None:
        """Flush outboxes until cancelled."""
        while True:
            with trio.move_on_after(RETRY_INTERVAL if self._failing else inf):
                await self._work.wait()
            await self._flush()
            await trio.sleep(FLUSH_INTERVAL)

    async def flush_finally(self) -> None:
        """Flush a last time, within a second."""
        with trio.move_on_after(FINAL_FLUSH_TIMEOUT):
            await self._flush()

    async def _flush(self) -> None:
        self._work = trio.Event()
        written, self._written = self._written, {}
        for outbox in [*written, *self._failing]:
            # It may have been removed during the flush of another one.
            if not outbox.journal.closed:
                await outbox.journal.flush(self._limiter)
            # Or during its own.
            if outbox.journal.closed:
                continue
            if outbox.journal.error is not None:
                self._mark_failing(outbox)
            else:
                self._mark_recovered(outbox)

    def _mark_failing(self, outbox: Outbox) -> None:
        if not self._failing:
            journal = outbox.journal
            reason = journal.error.strerror if journal.error else ""
            log.error(
                "%s: %s: until it can be written, messages are kept in memory only",
                journal.path,
                reason,
            )
            # Wake up the task: it may be waiting without a deadline.
            self._work.set()
        self._failing[outbox] = None

    def _mark_recovered(self, outbox: Outbox) -> None:
        if outbox in self._failing:
            del self._failing[outbox]
            if not self._failing:
                log.info("%s: can be written again", outbox.journal.path)
