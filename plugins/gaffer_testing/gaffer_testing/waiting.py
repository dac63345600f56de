"""Polling until a condition holds, up to a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from inspect import isawaitable
from subprocess import Popen
from typing import Any

import trio

DEADLINE = 30.0
"""Seconds to wait for a condition, enough for a busy machine."""

_POLL_INTERVAL = 0.005


async def until(condition: Callable[..., Any], *args: object, seconds: float = DEADLINE) -> Any:
    """Call `condition(*args)` until its result, which may be awaitable, is true; return it.

    Raises:
        trio.TooSlowError: it was not true before the deadline.
    """
    with trio.fail_after(seconds):
        while True:
            found = condition(*args)
            if isawaitable(found):
                found = await found
            if found:
                return found
            await trio.sleep(_POLL_INTERVAL)


def wait_until(
    condition: Callable[[], Any], process: Popen[Any] | None = None, seconds: float = DEADLINE
) -> Any:
    """Call `condition()` until its result is true and return it, in code that is not async.

    Raises:
        AssertionError: it was not true before the deadline, or the process has exited.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, "the process has exited"
        assert time.monotonic() < deadline, f"the condition was not true within {seconds} s"
        time.sleep(_POLL_INTERVAL)
    return found
