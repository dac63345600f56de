"""What a process writes, line by line, as a feed tells it."""

from __future__ import annotations

import json

from gaffer_client.errors import NotGafferError
from gaffer_client.models import Line


def read_lines(address: str, event: str, data: str) -> list[Line]:
    """The lines in one message.

    Args:
        address: for errors.
        event: the type of the message: a label, or `gap`.
        data: what it says.

    Raises:
        NotGafferError: a gap does not say of what.
    """
    if event != "gap":
        return [Line(event, text) for text in data.split("\n")]
    try:
        gap = json.loads(data)
        return [Line(str(gap["label"]), "", int(gap["lost"]))]
    except (ValueError, TypeError, KeyError):
        raise NotGafferError(address, f"gap: {data[:60]!r}") from None
