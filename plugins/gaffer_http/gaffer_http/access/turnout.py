"""How much each caller has going on at a time: none may have all the room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from gaffer_http.access.caller import Caller, identity
from gaffer_http.errors import of_status


class Turnout:
    """Counts the requests and websockets of each caller.

    Args:
        most: how many one may have; any number with None.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = inf if most is None else most
        self._present: Counter[str] = Counter()

    @contextmanager
    def joined(self, caller: Caller) -> Iterator[None]:
        """A block in which a caller has one more.

        Raises:
            ApiError: 429, that would be too many.
        """
        name = identity(caller)
        if self._present[name] >= self._most:
            raise of_status(
                429,
                f"{name} has {self._most} requests and websockets here: end some, or be patient",
            )
        self._present[name] += 1
        try:
            yield
        finally:
            self._present[name] -= 1
            if not self._present[name]:
                del self._present[name]
