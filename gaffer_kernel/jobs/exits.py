"""ExitRecord: an exit that nobody asked for; success, and the description of exits for people."""

from __future__ import annotations

from collections.abc import Container, Sequence
from signal import Signals
from typing import NamedTuple


class ExitRecord(NamedTuple):
    """An exit of an instance that nobody asked for: what the restart rules look at.

    Attributes:
        number: which instance.
        at: when, on the monotonic clock.
        uptime: how many seconds the process had run.
        exit_code: None when the process could not be spawned; 0 when a signal ended it.
        term_signal: 0 when it exited by itself.
        reason: why it could not be spawned, or was stopped as if it had crashed, or that it failed
            for lack of memory.
    """

    number: int
    at: float
    uptime: float
    exit_code: int | None
    term_signal: int
    reason: str = ""

    def __str__(self) -> str:
        return self.reason or describe_exit(self.exit_code, self.term_signal, self.uptime)

    def is_success(self, success_codes: Container[int]) -> bool:
        """Return whether the process exited by itself, with one of the `success_codes`."""
        return self.exit_code in success_codes and not self.term_signal and not self.reason


History = Sequence[ExitRecord]


def describe_exit(
    exit_code: int | None, term_signal: int, uptime: float, *, oom_killed: bool = False
) -> str:
    """Describe an exit for people: `exited with status 3 after 0.1 s`."""
    if exit_code is None:
        return "could not be started"
    why = ": out of memory" if oom_killed else ""
    if term_signal:
        return f"killed by {_signal_name(term_signal)} after {uptime:.1f} s{why}"
    return f"exited with status {exit_code} after {uptime:.1f} s{why}"


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        # Of the real-time signals only SIGRTMIN and SIGRTMAX have names.
        return f"signal {number}"
