"""The four numbers of `flapping`: when a crashing job pauses, and when it is given up.

They decide as in the original gaffer, except that requested stops do not count.
"""

from __future__ import annotations

import msgspec

from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.exits import ExitRecord

MIN_STABLE = 1.0
"""Seconds of uptime that reset the retries, if the window is not longer."""


class FlapRecord(msgspec.Struct):
    """The counts of `flapping` for a job: the times of recent exits, and the retries so far."""

    crashes: list[float] = []
    retries: int = 0

    def clear(self) -> None:
        """Reset both, after a start by the user."""
        self.crashes.clear()
        self.retries = 0


def count_crash(rule: Flapping, record: FlapRecord, crash: ExitRecord) -> bool:
    """Add an exit to the record and return whether the job now flaps.

    It flaps when `attempts` exits lie within `window` seconds. An uptime longer than the window
    (and than MIN_STABLE) resets the retries.
    """
    if crash.uptime > max(rule.window, MIN_STABLE):
        record.retries = 0
    record.crashes = [at for at in record.crashes if crash.at - at <= rule.window]
    record.crashes.append(crash.at)
    if len(record.crashes) < rule.attempts:
        return False
    record.crashes = []
    record.retries += 1
    return True


def gives_up(rule: Flapping, record: FlapRecord) -> bool:
    """Return whether a job that flaps has used up its retries."""
    return record.retries > rule.max_retry
