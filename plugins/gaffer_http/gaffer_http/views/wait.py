"""`?wait=<seconds>`: answer when the change is done, not when it is recorded."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import trio
from gaffer_kernel import InvalidField, Job
from msgspec import UNSET, Meta, Struct, UnsetType
from quart import request

MAX_WAIT = 600.0
"""Seconds."""


class Wait(Struct):
    """The parameter `wait`, for `/openapi.json`."""

    wait: Annotated[
        Annotated[float, Meta(ge=0, le=MAX_WAIT)] | UnsetType,
        Meta(description="Seconds to wait until the change is done; without, it is only recorded."),
    ] = UNSET


def wait_parameter() -> float | None:
    """Return the seconds that the current request wants to wait; None if it does not.

    Raises:
        InvalidField: `wait` is invalid.
    """
    text = request.args.get("wait")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_WAIT:
        raise InvalidField("wait", f"must be seconds, from 0 to {MAX_WAIT:g}, not {text!r}")
    return seconds


async def wait_jobs(seconds: float | None, *jobs: Job) -> dict[str, Any]:
    """Wait until jobs are settled after a restart or a new configuration, if the request wants to.

    Args:
        seconds: from `wait_parameter`, which is read before anything is changed.
        jobs: those that have been changed.

    Returns:
        As `wait_settled`; if a change failed and was taken back, `settled` is false, and `reason`
            says why.
    """
    answer: dict[str, Any] = await wait_settled(seconds, *(job.settled for job in jobs))
    failures = [f"{job.name}: {job.restart_failure}" for job in jobs if job.restart_failure]
    if answer.get("settled") and failures:
        answer = {"settled": False, "reason": "; ".join(failures)}
    return answer


async def wait_settled(
    seconds: float | None, *conditions: Callable[[], Awaitable[Any]]
) -> dict[str, bool]:
    """Wait for all the conditions, if the request wants to.

    Args:
        seconds: from `wait_parameter`, which is read before anything is changed.
        conditions: such as `job.settled`.

    Returns:
        What to add to the response: `settled`, whether the conditions were met in time; nothing
            without `wait`.
    """
    if seconds is None:
        return {}
    with trio.move_on_after(seconds):
        for condition in conditions:
            await condition()
        return {"settled": True}
    return {"settled": False}
