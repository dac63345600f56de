"""The times at which the bytes of an output were read, to a millisecond."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

RESOLUTION = 0.001
"""Seconds: bytes read so shortly after others have the same time."""
MAX_MARKS = 256
"""How many times are kept of an output. Beyond that, every second one is forgotten."""


class ReadTime(NamedTuple):
    """The bytes from a position on were read at a time, in seconds since the epoch."""

    position: int
    time: float


class ReadTimes:
    """The times of the bytes that a log keeps.

    Args:
        wall: the wall clock.

    Attributes:
        due: when the next time must be marked, on the monotonic clock; bytes read earlier have the
            time of those before them.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._marks: deque[ReadTime] = deque()
        self.due = -math.inf

    def mark(self, now: float, position: int, start: int) -> None:
        """Note that bytes are read now.

        Args:
            now: of the monotonic clock, at least `due`.
            position: of the first of these bytes.
            start: position of the oldest byte that is kept.
        """
        self.due = now + RESOLUTION
        marks = self._marks
        while len(marks) > 1 and marks[1].position <= start:
            marks.popleft()
        if len(marks) >= MAX_MARKS:
            self._marks = marks = deque(islice(marks, 0, None, 2))
        marks.append(ReadTime(position, self._wall()))

    def since(self, position: int) -> list[ReadTime]:
        """Return the times of the bytes from a position on, oldest first.

        The first one may begin before that position.
        """
        found: list[ReadTime] = []
        for mark in reversed(self._marks):
            found.append(mark)
            if mark.position <= position:
                break
        return found[::-1]
