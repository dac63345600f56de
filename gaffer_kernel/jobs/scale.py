"""How many: `+2`, `-1`, `=3` applied to a number of instances."""

from __future__ import annotations

import re

from gaffer_kernel.errors import InvalidField, shown

MOST = 10_000
"""The largest number of instances of one job."""

_CHANGE = re.compile(r"([+\-=]?)([0-9]{1,9})")


def wanted_number(now: int, change: int | str) -> int:
    """The number wanted after a change.

    Args:
        now: the number wanted so far.
        change: a whole number to add, or text: `+2` and `2` add, `-2` takes away, `=2` sets.

    Raises:
        InvalidField: `scale`: not such a number, or more than MOST would be wanted.
    """
    match = _CHANGE.fullmatch(str(change).strip())
    if isinstance(change, bool) or match is None:
        raise InvalidField("scale", f"must be a number, +N, -N or =N, not {shown(change)}")
    sign, number = match[1], int(match[2])
    wanted = {"=": number, "-": max(0, now - number)}.get(sign, now + number)
    if wanted > MOST:
        raise InvalidField("scale", f"{wanted} processes are more than a job may have ({MOST})")
    return wanted
