"""The steps that stop a process, as a job describes them: `INT 10s, TERM 20s, KILL`."""

from __future__ import annotations

import signal
from functools import lru_cache
from typing import NamedTuple

from gaffer_kernel.errors import InvalidField, shown
from gaffer_kernel.jobs import fields as ft

GRACEFUL_TIMEOUT = 30.0
"""Seconds between SIGTERM and SIGKILL, and after a step without a time, unless a job sets them."""
MAX_STEPS = 16


class StopStep(NamedTuple):
    """A signal, and how many seconds later the next one follows; 0 after SIGKILL."""

    signum: int
    timeout: float


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


@lru_cache(maxsize=1024)
def parse_steps(text: str) -> tuple[StopStep, ...]:
    """Return the steps that a text describes; a SIGKILL that is missing at the end is not added.

    Raises:
        InvalidField: `stop`: an unknown signal, a wrong time, or SIGKILL before the end.
    """
    parts = text.split(",")
    if len(parts) > MAX_STEPS:
        raise InvalidField("stop", f"must have at most {MAX_STEPS} steps")
    steps = tuple(_parse_step(part.strip()) for part in parts)
    if signal.SIGKILL in (step.signum for step in steps[:-1]):
        raise InvalidField("stop", "KILL ends every process: it must be the last step")
    return steps


def _parse_step(text: str) -> StopStep:
    word, _, time = text.partition(" ")
    try:
        signum = parse_signal(word)
    except InvalidField as error:
        reason = "a step is empty: remove the comma" if not word else error.reason
        raise InvalidField("stop", reason) from None
    if signum == signal.SIGKILL and time:
        raise InvalidField("stop", f"KILL is not followed by a time, as in {shown(text)}")
    if signum == signal.SIGKILL:
        return StopStep(signum, 0.0)
    if not time:
        return StopStep(signum, GRACEFUL_TIMEOUT)
    return StopStep(signum, ft.checked("stop", time.strip(), ft.Seconds))


def format_steps(steps: tuple[StopStep, ...]) -> str:
    """Return the text that describes steps, with times in microseconds at most."""
    return ", ".join(_format_step(*step) for step in steps)


def _format_step(signum: int, timeout: float) -> str:
    if signum == signal.SIGKILL:
        return name_signal(signum)
    return f"{name_signal(signum)} {f'{timeout:.6f}'.rstrip('0').rstrip('.')}s"


def name_signal(signum: int) -> str:
    """Return the name of a signal without SIG."""
    return signal.Signals(signum).name.removeprefix("SIG")


def get_steps(stop: str | None, graceful_timeout: float | None) -> tuple[StopStep, ...]:
    """Return the steps that stop a process of a job; the last one is SIGKILL.

    Args:
        stop: the steps as in the job.
        graceful_timeout: seconds between SIGTERM and SIGKILL, without `stop`.
    """
    if stop is None:
        timeout = GRACEFUL_TIMEOUT if graceful_timeout is None else graceful_timeout
        return StopStep(signal.SIGTERM, timeout), _KILL
    steps = parse_steps(stop)
    return steps if steps[-1] == _KILL else (*steps, _KILL)


def find_stop_warnings(stop: str | None) -> list[str]:
    """Return a line if SIGKILL is added to the steps of a job."""
    if stop is None:
        return []
    last = parse_steps(stop)[-1]
    if last == _KILL:
        return []
    return [
        f"stop: does not end with KILL: KILL follows {last.timeout:g} s after"
        f" {name_signal(last.signum)}"
    ]


_KILL = StopStep(signal.SIGKILL, 0.0)
