"""Waiting for something to become true, up to a deadline: what every test that waits uses."""

import time
from collections.abc import Callable
from inspect import isawaitable
from subprocess import Popen
from typing import Any

import trio

DEADLINE = 30.0
"""Seconds for anything that is waited for, on a busy machine."""


async def until(condition: Callable[..., Any], *args: object, seconds: float = DEADLINE) -> Any:
    """Ask again and again until the answer, which may be awaitable, is true; return it."""
    with trio.fail_after(seconds):
        while True:
            found = condition(*args)
            if isawaitable(found):
                found = await found
            if found:
                return found
            await trio.sleep(0.005)


def wait_until(
    condition: Callable[[], Any], process: Popen[Any] | None = None, seconds: float = DEADLINE
) -> Any:
    """The same where nothing is asynchronous, as long as a process lives."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found
