"""ShutdownWatchdog: ends the program from a thread if the shutdown or the event loop hangs."""

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
_REPARENT_DELAY = 0.02
"""Seconds until the children of a killed process are reparented to gafferd."""
_LOG_TIMEOUT = 1.0
"""Seconds to write a line to the log: the main thread may hold the lock of a log handler."""


class ShutdownWatchdog:
    """Ends the program after a deadline, from a thread, because the event loop may be stuck.

    Args:
        cleanup: called before the exit, in that thread; must not block.
    """

    def __init__(self, cleanup: Callable[[], None]) -> None:
        self._cleanup = cleanup
        self._spare: set[int] = set()
        self._timer: threading.Timer | None = None
        self._deadline = 0.0

    def kill_within(self, seconds: float, spare: Set[int]) -> None:
        """Kill every child and exit after a number of seconds.

        Args:
            seconds: of real time, from now.
            spare: pids of children that are not killed, in addition to those of earlier calls.
        """
        self._spare |= spare

        def end() -> int:
            _kill_children(self._spare)
            _log_with_timeout(f"the shutdown took more than {seconds:g} s: killed what was left")
            return 1

        self._set_deadline(seconds, end)

    def exit_within(self, seconds: float, status: int) -> None:
        """Exit with this status after a number of seconds."""
        self._set_deadline(seconds, lambda: status)

    def _set_deadline(self, seconds: float, end: Callable[[], int]) -> None:
        deadline = time.monotonic() + seconds
        if self._timer is not None:
            if deadline >= self._deadline:
                return  # The earlier deadline counts.
            self._timer.cancel()
        timer = threading.Timer(seconds, self._end, [end])
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            # pthread_create(3) failed with EAGAIN: the user or the cgroup has no process left.
            log.warning("the shutdown has no deadline: %s", error)
            return
        self._deadline, self._timer = deadline, timer

    def _end(self, end: Callable[[], int]) -> None:
        status = 1
        try:
            status = end()
            self._cleanup()
        finally:
            os._exit(status)


def _kill_children(spare: Set[int]) -> None:
    """Kill the children, and theirs as they are reparented to us, down to the last generation."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        # Zombies stay in the list until they are reaped.
        found = _list_children() - spare - killed
        if not found:
            return
        for pid in found:
            # It runs as another user by now (EPERM), or is gone (ESRCH).
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
        time.sleep(_REPARENT_DELAY)


def _list_children() -> set[int]:
    # Children belong to the thread that started them, here the main thread; orphans go to it, too.
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(map(int, path.read_bytes().split()))


def _log_with_timeout(text: str) -> None:
    line = f"{text}; the main thread was in {_locate_main_thread()}"
    writer = threading.Thread(target=log.critical, args=("%s", line), daemon=True)
    writer.start()
    writer.join(_LOG_TIMEOUT)


def _locate_main_thread() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    place = traceback.extract_stack(frame)[-1]
    return f"{place.filename}:{place.lineno} ({place.name})"
