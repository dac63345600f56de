"""The ends of a job's instances that nobody asked for, and what follows from them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from gaffer_kernel.jobs import restart as rules
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.names import JobName
from gaffer_kernel.system import System

log = logging.getLogger(__name__)


class Recovery:
    """What one job remembers of unexpected ends, and whether it rests because of them.

    Attributes:
        history: the latest unexpected ends of instances, the newest last.
        restarts: how many processes have ended unasked and got, or will get, a successor.
        resume_at: until when it rests, on the monotonic clock: infinite when it has given up, None
            when it does not rest.
    """

    def __init__(self, name: JobName, system: System) -> None:
        self.history: deque[rules.Exit] = deque(maxlen=rules.HISTORY)
        self.restarts = 0
        self.resume_at: float | None = None
        self._name = name
        self._system = system
        self._record = rules.FlapRecord()

    @property
    def gave_up(self) -> bool:
        """Whether it rests for good."""
        return self.resume_at == inf

    def after(
        self,
        slot: Slot,
        end: rules.Exit,
        rule: Flapping | None,
        advise: Callable[[rules.History], float | None],
    ) -> float | None:
        """Note an end; seconds until its successor starts, or None: the job flaps and must rest.

        Args:
            slot: the place of the instance.
            end: how it ended.
            rule: the `flapping` of the job, if it has one.
            advise: asked first, with the history; None for no opinion.
        """
        self.history.append(end)
        slot.short_lives = slot.short_lives + 1 if end.uptime < rules.LONG_LIFE else 0
        delay = advise(tuple(self.history))
        if delay is None and rule is not None:
            if rules.flaps(rule, self._record, end):
                return None
            delay = rules.delay_within(rule, slot.short_lives, self._system.random())
        if delay is None:
            delay = rules.backoff(slot.short_lives, self._system.random())
        if end.exit_code is None:
            return max(delay, rules.FIRST_DELAY)
        if delay != inf:
            self.restarts += 1
        if slot.short_lives == 2:
            log.warning("%s: %s, again; next start in %.1f s", self._name, end, delay)
        return delay

    def rest(self, rule: Flapping, end: rules.Exit) -> dict[str, Any]:
        """Rest for as long as the rule says, or give up; what the `flap` event tells of it."""
        gives_up = rules.gives_up(rule, self._record)
        if end.exit_code is not None and not gives_up:
            self.restarts += 1
        self.resume_at = inf if gives_up else self._system.now() + rule.retry_in
        if gives_up:
            log.error("%s: %s; given up after %d retries", self._name, end, rule.max_retry)
        else:
            log.warning("%s: %s; it flaps, next try in %g s", self._name, end, rule.retry_in)
        return {
            "retries": min(self._record.retries, rule.max_retry),
            "retry_in": None if gives_up else rule.retry_in,
            "gave_up": gives_up,
        }

    def resume(self) -> None:
        """Rest no longer; the retries so far still count."""
        self.resume_at = None
        self._record.ends = []

    def forgive(self) -> None:
        """Forget what counts towards flapping."""
        self._record.clear()

    def status(self) -> dict[str, Any]:
        """Where it stands with flapping."""
        return {
            "retries": self._record.retries - self.gave_up,
            "waiting": self.resume_at is not None and not self.gave_up,
            "gave_up": self.gave_up,
        }
