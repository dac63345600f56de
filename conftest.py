"""What every test gets, the kernel's and each plugin's: a limit on how long it may hang."""

import functools
import gc
import inspect

import pytest
import trio

HANG_LIMIT = 60.0
"""Seconds. No test comes near it, however loaded the machine; it turns a hang into a traceback."""

VIRTUAL_CLOCKS = {"autojump_clock", "mock_clock"}
"""With these a minute passes in no time, so a limit would end honest tests."""


def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(item, pytest.Function) and not VIRTUAL_CLOCKS & set(item.fixturenames):
            limit_hang(item)


def pytest_collection_finish():
    # The tests themselves are a million objects, and several of them collect garbage many times.
    gc.collect()
    gc.freeze()


def limit_hang(item):
    test = item.obj
    # A test of Hypothesis is no coroutine function either; it has a deadline of its own.
    if not inspect.iscoroutinefunction(test):
        return

    @functools.wraps(test)
    async def limited(*args, **kwargs):
        with trio.fail_after(HANG_LIMIT):
            await test(*args, **kwargs)

    item.obj = limited
