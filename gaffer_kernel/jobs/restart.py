"""When a process that ended by itself is started again: pure rules, no clock, no processes.

Without `flapping` a job is kept alive for good, but a crash loop must cost next to nothing: at once
after a life of a second or more and after the first short one, then after a delay that doubles up
to a cap. With `flapping` its four numbers rule, as in the original
gaffer, except that only unexpected ends count.
"""

from __future__ import annotations

from collections.abc import Sequence
from signal import Signals
from typing import NamedTuple

import msgspec

from gaffer_kernel.jobs.config import Flapping

LONG_LIFE = 1.0
"""Seconds a process must have lived for its end not to count as a crash at start."""
FIRST_DELAY = 0.1
MAX_DELAY = 10.0
BUSY_DELAY = 0.5
JITTER = 0.1
"""Part of a delay that is left to chance, so that jobs which fell together do not rise together."""


HISTORY = 100
"""How many unexpected ends a job remembers, for plugins that decide on its restarts."""


def describe_exit(exit_code: int | None, term_signal: int, uptime: float) -> str:
    """How a process ended, for people: `exited with status 3 after 0.1 s`."""
    if exit_code is None:
        return "could not be started"
    if term_signal:
        return f"killed by {_signal_name(term_signal)} after {uptime:.1f} s"
    return f"exited with status {exit_code} after {uptime:.1f} s"


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        # Of the real-time ones only the first and the last have names.
        return f"signal {number}"


class Exit(NamedTuple):
    """One unexpected end of an instance: what the rules look at.

    `at` is on the monotonic clock and `uptime` a length, both in seconds; `exit_code` is None when
    the process could not even be started.
    """

    number: int
    at: float
    uptime: float
    exit_code: int | None
    term_signal: int

    def __str__(self) -> str:
        return describe_exit(self.exit_code, self.term_signal, self.uptime)


class FlapRecord(msgspec.Struct):
    """What flapping remembers of a job: recent unexpected ends, and the retries so far."""

    ends: list[float] = []
    retries: int = 0

    def clear(self) -> None:
        """Forget everything: somebody started the job by hand, or a process lived long enough."""
        self.ends.clear()
        self.retries = 0


def backoff(short_lives: int, chance: float) -> float:
    """Seconds to wait before the next start of an instance.

    Args:
        short_lives: how many lives in a row, the last one included, were shorter than LONG_LIFE.
        chance: a random number from 0 to 1.
    """
    if short_lives <= 1:
        return 0.0
    # 2**30 times the first delay is far beyond the cap; the bound keeps the power a small number.
    delay = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(short_lives - 2, 30))
    return delay * (1 - JITTER * chance)


def retry_when_busy(chance: float) -> float:
    """Seconds until a start is tried again that failed because the system had no room for it."""
    return BUSY_DELAY * (1 - JITTER * chance)


def flaps(rule: Flapping, record: FlapRecord, end: Exit) -> bool:
    """Note one unexpected end; tell whether the job now flaps.

    It flaps when `attempts` ends lie within `window` seconds. A life longer than the window (and
    than a second) forgives the retries so far.
    """
    if end.uptime > max(rule.window, LONG_LIFE):
        record.retries = 0
    record.ends = [at for at in record.ends if end.at - at <= rule.window]
    record.ends.append(end.at)
    if len(record.ends) < rule.attempts:
        return False
    record.ends = []
    record.retries += 1
    return True


def delay_within(rule: Flapping, short_lives: int, chance: float) -> float:
    """Seconds until the next start of a job with a flapping rule that it does not break.

    At once, as in the original; but a window too short to ever hold `attempts` ends must not make
    a crash loop that costs a processor: after that many short lives the delays grow all the same.
    """
    return backoff(max(0, short_lives - rule.attempts), chance)


def gives_up(rule: Flapping, record: FlapRecord) -> bool:
    """Whether a job that flaps has used up its retries."""
    return record.retries > rule.max_retry


History = Sequence[Exit]
