"""Changes of the number of instances: `+2`, `-1`, `=3`."""

from __future__ import annotations

import re

from gaffer_kernel.errors import InvalidField, shown
from gaffer_kernel.jobs.fields import MAX_PROCESSES

_CHANGE = re.compile(r"([+\-=]?)([0-9]{1,9})")


def apply_scale(current: int, change: int | str) -> int:
    """Return the number of instances after a change.

    Args:
        current: the number wanted so far.
        change: a whole number to add, or text: `+2` and `2` add, `-2` subtracts, `=2` sets. The
            result is never below zero.

    Raises:
        InvalidField: `scale`: not such a number, or the result is above MAX_PROCESSES.
    """
    match = _CHANGE.fullmatch(str(change).strip())
    if isinstance(change, bool) or match is None:
        raise InvalidField("scale", f"must be a number, +N, -N or =N, not {shown(change)}")
    sign, number = match[1], int(match[2])
    wanted = {"=": number, "-": max(0, current - number)}.get(sign, current + number)
    if wanted > MAX_PROCESSES:
        problem = f"{wanted} processes are more than a job may have ({MAX_PROCESSES})"
        raise InvalidField("scale", problem)
    return wanted
