"""Lines of output in the messages of a feed."""

from __future__ import annotations

import json

from gaffer_client.errors import NotGafferError
from gaffer_client.models import Line


def read_lines(address: str, event: str, data: str) -> list[Line]:
    """Parse the lines in one message.

    Args:
        address: the address of the server, for errors.
        event: the type of the message: the label of a stream, `gap` or `cut`.
        data: the content of the message.

    Raises:
        NotGafferError: a gap does not name its stream.
    """
    if event == "cut":
        # The next line continues the one before; an endless line cannot be joined.
        return []
    if event != "gap":
        return [Line(event, text) for text in data.split("\n")]
    try:
        gap = json.loads(data)
        return [Line(str(gap["label"]), "", int(gap["lost"]))]
    except (ValueError, TypeError, KeyError):
        raise NotGafferError(address, f"gap: {data[:60]!r}") from None
