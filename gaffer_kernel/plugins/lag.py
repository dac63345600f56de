"""LagMonitor: names the plugins and hooks that block the event loop."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from gaffer_kernel.plugins.record import PluginRecord

log = logging.getLogger(__name__)

LAG_LIMIT = 0.5
"""Seconds in which a hook should return: all processes and requests wait for it."""
REPORT_INTERVAL = 60.0
"""Seconds between two warnings of one hook of one plugin."""


class LagMonitor:
    """Calls hook implementations, and logs a warning for each that blocks longer than LAG_LIMIT.

    The time of a hook that is called inside another one counts for the inner one only.

    Args:
        clock: real time in seconds, also in a program with a virtual clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._measured = 0.0
        self._report_at: dict[tuple[str, str], float] = {}

    def call(
        self,
        record: PluginRecord,
        hook: str,
        function: Callable[..., Any],
        arguments: Sequence[object],
    ) -> Any:
        """Call a function of a plugin and return its result; raise what it raises."""
        start, before = self._clock(), self._measured
        try:
            return function(*arguments)
        finally:
            total = self._clock() - start
            inner = self._measured - before
            self._measured = before + total
            if total - inner >= LAG_LIMIT:
                self._report(record, hook, total - inner, start + total)

    def _report(self, record: PluginRecord, hook: str, seconds: float, now: float) -> None:
        key = record.name, hook
        if now < self._report_at.get(key, now):
            return
        self._report_at[key] = now + REPORT_INTERVAL
        error = record.plugin_error(
            f"{hook} blocked the event loop for {seconds:.1f} s: do slow work in a task or a thread"
        )
        log.warning("%s", error)
