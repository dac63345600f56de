"""The bound of last resort: gafferd ends, whatever a plugin does to its event loop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Set
from pathlib import Path

log = logging.getLogger(__name__)

_ROUNDS = 20
_PAUSE = 0.02
"""Seconds a killed process gets to hand its own children to us."""
_LAST_WORDS = 1.0
"""Seconds to write a line to the log: the main thread may be stuck in that very thing."""


class LastResort:
    """Ends the program when nothing else does: from a thread, because the loop may be stuck.

    Args:
        farewell: called before the end, in that thread; must not block.
    """

    def __init__(self, farewell: Callable[[], None]) -> None:
        self._farewell = farewell
        self._spare: set[int] = set()
        self._timer: threading.Timer | None = None
        self._at = 0.0

    def kill_within(self, seconds: float, spare: Set[int]) -> None:
        """After so many seconds kill every child and exit.

        Args:
            seconds: of real time, from now.
            spare: pids of children that are to live on, besides those of earlier calls.
        """
        self._spare |= spare

        def end() -> int:
            _kill_children(self._spare)
            _say(f"the shutdown took more than {seconds:g} s: killed what was left")
            return 1

        self._within(seconds, end)

    def exit_within(self, seconds: float, status: int) -> None:
        """After so many seconds exit with this status."""
        self._within(seconds, lambda: status)

    def _within(self, seconds: float, end: Callable[[], int]) -> None:
        at = time.monotonic() + seconds
        if self._timer is not None:
            if at >= self._at:
                return  # What comes first counts.
            self._timer.cancel()
        self._at = at
        self._timer = threading.Timer(seconds, self._end, [end])
        self._timer.daemon = True
        self._timer.start()

    def _end(self, end: Callable[[], int]) -> None:
        status = 1
        try:
            status = end()
            self._farewell()
        finally:
            os._exit(status)


def _kill_children(spare: Set[int]) -> None:
    """Kill our children, and theirs as they become ours, down to the last generation."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        # The dead stay in the list as long as nobody waits for them.
        found = _children() - spare - killed
        if not found:
            return
        for pid in found:
            # Another user's by now, or gone.
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
        time.sleep(_PAUSE)


def _children() -> set[int]:
    # They belong to the thread that started them, the main one; orphans come to it as well.
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(map(int, path.read_bytes().split()))


def _say(what: str) -> None:
    line = f"{what}; the main thread was in {_place_of_main_thread()}"
    writer = threading.Thread(target=log.critical, args=("%s", line), daemon=True)
    writer.start()
    writer.join(_LAST_WORDS)


def _place_of_main_thread() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    place = traceback.extract_stack(frame)[-1]
    return f"{place.filename}:{place.lineno} ({place.name})"
