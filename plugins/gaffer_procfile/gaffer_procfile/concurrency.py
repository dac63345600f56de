"""Numbers of processes for each type: `web=2,worker=1`."""

from __future__ import annotations

import re

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import shown

ALL = "all"
"""Stands for every type that is not named."""

_SETTING = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*=\s*(?P<count>[0-9]{1,9})\s*")


def parse_concurrency(text: str) -> dict[str, int]:
    """Parse `web=2,worker=1`; `all=1` is for every type that is not named.

    Raises:
        InvalidField: `concurrency`; a setting is invalid or repeated.
    """
    counts: dict[str, int] = {}
    for setting in text.split(","):
        match = _SETTING.fullmatch(setting)
        if match is None:
            reason = f"must be settings like web=2,worker=1, not {shown(setting.strip())}"
            raise InvalidField("concurrency", reason)
        if match["name"] in counts:
            raise InvalidField("concurrency", f"{match['name']} is repeated")
        counts[match["name"]] = int(match["count"])
    return counts
