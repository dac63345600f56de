"""The texts of resource limits, processors and file modes, and what they stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import UNLIMITED, parse_seconds, parse_size, shown

MAX_LIMIT = 2**63 - 1

SIZES = frozenset({"as", "core", "data", "fsize", "memlock", "msgqueue", "rss", "stack"})
"""The resources that are counted in bytes."""

_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_UMASK = re.compile(r"[0-7]{1,4}")


def parse_limit(resource: str, value: int | str) -> tuple[int, int]:
    """Return the soft and the hard limit that `SOFT:HARD` or one number for both stands for.

    Args:
        resource: `nofile`, for example.
        value: a number, or a text; numbers of bytes can have a unit, the time of `cpu`, too.

    Raises:
        InvalidField: the key of the job, and what is wrong.
    """
    field = f"rlimit_{resource}"
    soft, colon, hard = str(value).partition(":")
    limits = _parse_number(field, resource, soft), _parse_number(field, resource, hard or soft)
    if colon and not hard:
        raise InvalidField(field, f"lacks the hard limit after the colon: {shown(value)}")
    if limits[1] != UNLIMITED and not UNLIMITED < limits[0] <= limits[1]:
        raise InvalidField(field, f"the soft limit is above the hard one: {shown(value)}")
    return limits


def _parse_number(field: str, resource: str, text: str) -> int:
    text = text.strip()
    if text == "unlimited":
        return UNLIMITED
    try:
        if resource in SIZES:
            number = parse_size(text)
        elif resource == "cpu":
            number = int(parse_seconds(text))
        elif text.isascii() and text.isdigit():
            number = int(text[:30])
        else:
            raise ValueError
    except ValueError:
        raise InvalidField(
            field, f"must be {describe_limit(resource)}, not {shown(text)}"
        ) from None
    if number > MAX_LIMIT:
        raise InvalidField(field, f"is too high: {shown(text)}; write unlimited")
    return number


def describe_limit(resource: str) -> str:
    """Return which limits a resource accepts, for "must be ..."."""
    example = "64M" if resource in SIZES else "10m" if resource == "cpu" else "1024"
    return f"a limit such as {example}, SOFT:HARD or unlimited"


def parse_processors(field: str, items: Iterable[int | str]) -> frozenset[int]:
    """Return the processors that numbers and ranges such as `2-3` stand for.

    Raises:
        InvalidField: a number or a range is wrong, or this machine has no such processor.
    """
    found: set[int] = set()
    highest = (os.cpu_count() or 1) - 1
    for item in items:
        match = _RANGE.fullmatch(str(item))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise InvalidField(field, f"must be processors such as 0, 2-3, not {shown(item)}")
        if last > highest:
            raise InvalidField(field, f"this machine has the processors 0 to {highest}, not {last}")
        found.update(range(first, last + 1))
    return frozenset(found)


def parse_umask(field: str, text: str) -> int:
    """Return the mask that octal digits stand for.

    Raises:
        InvalidField: they are not octal, or above 0777.
    """
    if not _UMASK.fullmatch(text) or int(text, 8) > 0o777:
        raise InvalidField(field, f"must be octal digits such as 022, not {shown(text)}")
    return int(text, 8)
