"""How a process is stopped: SIGTERM, then SIGKILL after the graceful timeout."""

from __future__ import annotations

import signal
from math import inf

from gaffer_kernel.errors import InvalidField


def parse_signal(value: int | str) -> int:
    """Return the number of a signal given as a number or a name, with or without SIG, in any case.

    Raises:
        InvalidField: `signal`: no such signal, zero included.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, int) or value.strip().isdigit():
            return signal.Signals(int(value))
        name = value.strip().upper()
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except (ValueError, KeyError, AttributeError):
        raise InvalidField("signal", f"no signal {value!r}: give a name or a number") from None


class StopSequence:
    """The steps that stop one process, and when the next one is due.

    It holds no process and sends nothing: each step returns the signal to send.

    Attributes:
        graceful_timeout: seconds between SIGTERM and SIGKILL.
        started: whether a step has been taken.
        kill_at: when the SIGKILL is due, on the monotonic clock; infinite before SIGTERM and after
            SIGKILL.
    """

    def __init__(self, graceful_timeout: float) -> None:
        self.graceful_timeout = graceful_timeout
        self.started = False
        self.kill_at = inf

    def terminate(self, now: float) -> int:
        """Take the first step, and set the time of the last."""
        self.started = True
        self.kill_at = now + self.graceful_timeout
        return signal.SIGTERM

    def kill(self) -> int:
        """Take the last step."""
        self.started = True
        self.kill_at = inf
        return signal.SIGKILL
