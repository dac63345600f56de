"""Restarts after crashes: the rules for backoff and flapping, and what a job remembers of them.

Without `flapping` a job is restarted forever, but a crash loop must cost next to nothing: at once
after an uptime of a second or more and after the first early crash, then after a delay that doubles
up to a maximum. With `flapping` its four numbers decide, as in the original gaffer, except that
only crashes count, not requested stops.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

import msgspec

from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.exits import ExitRecord, History
from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.names import JobName
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

HEALTHY_AFTER = 1.0
"""Seconds of uptime from which on a crash is not an early crash."""
MIN_DELAY = 0.1
MAX_DELAY = 10.0
BUSY_DELAY = 0.5
JITTER = 0.1
"""Random part of a delay, so that jobs which crash together do not restart together."""

MAX_HISTORY = 100
"""Crashes that a job remembers, for plugins that decide on its restarts."""


# The rules: no clock, no processes


def backoff(early_crashes: int, chance: float) -> float:
    """Return the seconds to wait before the next start of an instance.

    Args:
        early_crashes: how many processes in a row, the last one included, crashed before
            HEALTHY_AFTER.
        chance: a random number from 0 to 1.
    """
    if early_crashes <= 1:
        return 0.0
    # 2**30 times the first delay is far beyond the maximum; the bound keeps the power small.
    delay = min(MAX_DELAY, MIN_DELAY * 2.0 ** min(early_crashes - 2, 30))
    return delay * (1 - JITTER * chance)


def busy_delay(chance: float) -> float:
    """Return the seconds to wait after a spawn that failed because the system had no resources."""
    return BUSY_DELAY * (1 - JITTER * chance)


class FlapRecord(msgspec.Struct):
    """The counts of `flapping` for a job: the times of recent crashes, and the retries so far."""

    crashes: list[float] = []
    retries: int = 0

    def clear(self) -> None:
        """Reset both, after a start by the user."""
        self.crashes.clear()
        self.retries = 0


def count_crash(rule: Flapping, record: FlapRecord, crash: ExitRecord) -> bool:
    """Add a crash to the record and return whether the job now flaps.

    It flaps when `attempts` crashes lie within `window` seconds. An uptime longer than the window
    (and than a second) resets the retries.
    """
    if crash.uptime > max(rule.window, HEALTHY_AFTER):
        record.retries = 0
    record.crashes = [at for at in record.crashes if crash.at - at <= rule.window]
    record.crashes.append(crash.at)
    if len(record.crashes) < rule.attempts:
        return False
    record.crashes = []
    record.retries += 1
    return True


def backoff_while_flapping(rule: Flapping, early_crashes: int, chance: float) -> float:
    """Return the seconds to wait before the next start of a job that has a rule and does not flap.

    None, as in the original. But a window too short to ever hold `attempts` crashes must not make a
    crash loop that uses a whole CPU: after that many early crashes the delays grow all the same.
    """
    return backoff(max(0, early_crashes - rule.attempts), chance)


def gives_up(rule: Flapping, record: FlapRecord) -> bool:
    """Return whether a job that flaps has used up its retries."""
    return record.retries > rule.max_retry


# The state of one job


class RestartState:
    """The crashes of one job, and its flap pause.

    Attributes:
        history: the latest crashes of instances, the newest last.
        restarts: how many processes have crashed and got, or will get, a successor.
        resume_at: the end of the flap pause, on the monotonic clock: infinite when the job has
            given up, None when there is no pause.
    """

    def __init__(self, name: JobName, system: System) -> None:
        self.history: deque[ExitRecord] = deque(maxlen=MAX_HISTORY)
        self.restarts = 0
        self.resume_at: float | None = None
        self._name = name
        self._system = system
        self._flapping = FlapRecord()

    @property
    def gave_up(self) -> bool:
        """Whether the flap pause has no end."""
        return self.resume_at == inf

    def next_delay(
        self,
        slot: Slot,
        crash: ExitRecord,
        rule: Flapping | None,
        advise: Callable[[History], float | None],
    ) -> float | None:
        """Record a crash and return the seconds until the restart; None when the job now flaps.

        Args:
            slot: the slot of the instance.
            crash: how it exited.
            rule: the `flapping` of the job, if it has one.
            advise: asked first, with the history; returns None for no opinion.
        """
        self.history.append(crash)
        slot.early_crashes = slot.early_crashes + 1 if crash.uptime < HEALTHY_AFTER else 0
        delay = advise(tuple(self.history))
        if delay is None and rule is not None:
            if count_crash(rule, self._flapping, crash):
                return None
            delay = backoff_while_flapping(rule, slot.early_crashes, self._system.random())
        if delay is None:
            delay = backoff(slot.early_crashes, self._system.random())
        if crash.exit_code is None:
            return max(delay, MIN_DELAY)
        if delay != inf:
            self.restarts += 1
        return delay

    def pause(self, rule: Flapping, crash: ExitRecord) -> dict[str, Any]:
        """Begin the flap pause, or give up; return the data of the `flap` event."""
        giving_up = gives_up(rule, self._flapping)
        if crash.exit_code is not None and not giving_up:
            self.restarts += 1
        self.resume_at = inf if giving_up else self._system.now() + rule.retry_in
        if giving_up:
            log.error("%s: %s: given up after %d retries", self._name, crash, rule.max_retry)
        else:
            log.warning("%s: %s: flapping, next try in %g s", self._name, crash, rule.retry_in)
        return {
            "retries": min(self._flapping.retries, rule.max_retry),
            "retry_in": None if giving_up else rule.retry_in,
            "gave_up": giving_up,
        }

    def resume(self) -> None:
        """End the flap pause; the retries so far still count."""
        self.resume_at = None
        self._flapping.crashes = []

    def reset_flapping(self) -> None:
        """Reset the crashes and retries that count towards flapping."""
        self._flapping.clear()

    def status(self) -> dict[str, Any]:
        """Return the retries, and whether the job pauses or has given up."""
        return {
            "retries": self._flapping.retries - self.gave_up,
            "waiting": self.resume_at is not None and not self.gave_up,
            "gave_up": self.gave_up,
        }
