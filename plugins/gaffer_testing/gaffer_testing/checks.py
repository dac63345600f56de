"""Running a test of the suite, and failing it with one line for the author of the plugin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from gaffer_kernel import GafferError

_HANG_LIMIT = 60.0


def expect(truth: bool, message: str) -> None:
    """Fail the test with a message unless `truth` is true."""
    if not truth:
        pytest.fail(message, pytrace=False)


def run_check(check: Callable[[], Awaitable[None]]) -> None:
    """Run a test under trio for at most a minute; errors of the plugin fail it in one line."""

    async def limited() -> None:
        with trio.fail_after(_HANG_LIMIT):
            await check()

    try:
        trio.run(limited)
    except BaseExceptionGroup as group:
        errors, others = group.split((GafferError, pytest.fail.Exception))
        if errors is None or others is not None:
            raise
        pytest.fail("; ".join(map(str, _flatten(errors))), pytrace=False)


def _flatten(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_flatten(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]
