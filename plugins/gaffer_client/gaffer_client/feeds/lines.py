"""Lines of output in the messages of a feed."""

from __future__ import annotations

import json

from gaffer_client.errors import NotGafferError
from gaffer_client.models import Line


class LineReader:
    """Parses the messages of one feed.

    Args:
        address: the address of the server, for errors.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._time: float | None = None

    def read(self, event: str, data: str) -> list[Line]:
        """Parse the lines in one message.

        Args:
            event: the type of the message: the label of a stream, `gap`, `cut` or `time`.
            data: the content of the message.

        Raises:
            NotGafferError: a gap does not name its stream, or a time is not one.
        """
        match event:
            case "cut":
                # The next line continues the one before; an endless line cannot be joined.
                return []
            case "time":
                self._time = self._parse_time(data)
                return []
            case "gap":
                return [self._parse_gap(data)]
        return [Line(event, text, time=self._time) for text in data.split("\n")]

    def _parse_gap(self, data: str) -> Line:
        try:
            gap = json.loads(data)
            return Line(str(gap["label"]), "", int(gap["lost"]), self._time)
        except (ValueError, TypeError, KeyError):
            raise NotGafferError(self._address, f"gap: {data[:60]!r}") from None

    def _parse_time(self, data: str) -> float:
        try:
            return float(json.loads(data)["time"])
        except (ValueError, TypeError, KeyError):
            raise NotGafferError(self._address, f"time: {data[:60]!r}") from None
