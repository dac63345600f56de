"""The rules of restarts, and what a job remembers for them.

`restart`, `success_codes` and `max_restarts` say whether an instance is restarted after an exit
that nobody asked for. A crash loop must cost next to nothing: the first restart follows at once,
the next ones after a delay that doubles up to a maximum, until a process has lived `healthy_after`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from gaffer_kernel.jobs.config import Flapping, JobConfig
from gaffer_kernel.jobs.exits import ExitRecord, History
from gaffer_kernel.jobs.flapping import FlapRecord, count_crash, gives_up
from gaffer_kernel.jobs.slots import Outcome, Slot
from gaffer_kernel.names import JobName
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

MIN_SPAWN_DELAY = 0.1
"""Seconds until a failed spawn is tried again, at least."""
BUSY_DELAY = 0.5
JITTER = 0.1
"""Part of a delay by which it is longer or shorter at random, so that jobs which crash together do
not restart together."""

MAX_HISTORY = 100
"""Exits that a job remembers, for plugins that decide on its restarts."""


# The rules: no clock, no processes


def backoff(restarts: int, config: JobConfig, chance: float) -> float:
    """Return the seconds to wait before the next start of an instance.

    Args:
        restarts: how many restarts in a row came before, since a process was healthy.
        config: has `restart_delay` and `restart_delay_max`.
        chance: a random number from 0 to 1.
    """
    if restarts <= 0:
        return 0.0
    # The bound keeps the power small; no maximum is 2**60 times a delay that matters.
    delay = min(config.restart_delay_max, config.restart_delay * 2.0 ** min(restarts - 1, 60))
    return delay * (1 + JITTER * (2 * chance - 1))


def busy_delay(chance: float) -> float:
    """Return the seconds to wait after a spawn that failed because the system had no resources."""
    return BUSY_DELAY * (1 + JITTER * (2 * chance - 1))


def forbids_restart(config: JobConfig, restarts: int, exit_record: ExitRecord) -> str:
    """Return the rule that forbids a restart, as `key = value`; empty if none does.

    Args:
        config: has `restart` and `max_restarts`.
        restarts: how many restarts in a row came before, since a process was healthy.
        exit_record: how the process exited.
    """
    success = exit_record.is_success(config.success_codes)
    if config.restart == "never" or (config.restart == "on-failure" and success):
        return f"restart = {config.restart}"
    if config.max_restarts is not None and restarts >= config.max_restarts:
        return f"max_restarts = {config.max_restarts}"
    return ""


# The state of one job


class Decision(NamedTuple):
    """The consequence of an exit that nobody asked for.

    Attributes:
        delay: seconds until the restart; infinite if there is none, None if the job now flaps.
        rule: what forbids the restart, if there is none.
    """

    delay: float | None
    rule: str = ""


class RestartState:
    """The exits of one job that nobody asked for, its flap pause, and how it has ended.

    Attributes:
        history: the latest exits of instances that nobody asked for, the newest last.
        restarts: how many processes exited unasked and got, or will get, a successor.
        resume_at: the end of the flap pause, on the monotonic clock: infinite when the job has
            given up, None when there is no pause.
        pause_reason: why the job pauses or has given up, for people.
        outcome: set when every instance has ended for good, or when the job has given up.
    """

    def __init__(self, name: JobName, system: System) -> None:
        self.history: deque[ExitRecord] = deque(maxlen=MAX_HISTORY)
        self.restarts = 0
        self.resume_at: float | None = None
        self.pause_reason = ""
        self.outcome: Outcome | None = None
        self._name = name
        self._system = system
        self._flapping = FlapRecord()

    @property
    def gave_up(self) -> bool:
        """Whether the flap pause has no end."""
        return self.resume_at == inf

    @property
    def allows_starts(self) -> bool:
        """Whether the job neither pauses nor has ended."""
        return self.resume_at is None and self.outcome is None

    def decide(
        self,
        slot: Slot,
        crash: ExitRecord,
        config: JobConfig,
        advise: Callable[[History], float | None],
    ) -> Decision:
        """Record an exit that nobody asked for, and decide on the restart.

        Args:
            slot: the slot of the instance.
            crash: how it exited, or that it could not be started.
            config: the rules.
            advise: asked first if the rules allow a restart, with the history; returns None for no
                opinion.
        """
        self.history.append(crash)
        is_spawned = crash.exit_code is not None
        slot.is_failing = not is_spawned or crash.uptime < config.healthy_after
        if not slot.is_failing:
            slot.restarts = 0
        if rule := forbids_restart(config, slot.restarts, crash):
            return Decision(inf, rule)
        delay = advise(tuple(self.history))
        if delay == inf:
            return Decision(inf, "a plugin decided so")
        if delay is None and config.flapping is not None:
            if count_crash(config.flapping, self._flapping, crash):
                return Decision(None)
            # No delay, as in the original. But a window too short to ever hold `attempts` exits
            # must not make a crash loop that uses a whole CPU.
            surplus = slot.restarts - config.flapping.attempts
            delay = backoff(surplus, config, self._system.random())
        if delay is None:
            delay = backoff(slot.restarts, config, self._system.random())
        slot.restarts += 1
        self.restarts += is_spawned
        return Decision(delay if is_spawned else max(delay, MIN_SPAWN_DELAY))

    def pause(self, rule: Flapping, crash: ExitRecord) -> dict[str, Any]:
        """Begin the flap pause, or give up; return the data of the `flap` event."""
        giving_up = gives_up(rule, self._flapping)
        if crash.exit_code is not None and not giving_up:
            self.restarts += 1
        self.resume_at = inf if giving_up else self._system.now() + rule.retry_in
        if giving_up:
            self.outcome = Outcome.FAILED
            self.pause_reason = f"{crash}: given up: flapping with max_retry = {rule.max_retry}"
            log.error("%s: %s: given up after %d retries", self._name, crash, rule.max_retry)
        else:
            self.pause_reason = f"{crash}: flapping, next try after {rule.retry_in:g} s"
            log.warning("%s: %s: flapping, next try in %g s", self._name, crash, rule.retry_in)
        return {
            "retries": min(self._flapping.retries, rule.max_retry),
            "retry_in": None if giving_up else rule.retry_in,
            "gave_up": giving_up,
        }

    def resume(self) -> None:
        """End the flap pause, or start again after the end; the retries so far still count."""
        self.resume_at = self.outcome = None
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
