"""What one process writes, for as long as it lives and gafferd can be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from gaffer_client import NotFoundError, Process, ProcessInfo
from gaffer_client.errors import BusyError
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT, Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

from gaffer_cli.output.backlog import kept_of
from gaffer_cli.output.records import Note, Told, not_redirected, told_of
from gaffer_cli.output.retry import patiently

Put = Callable[[Told | Note], None]
"""Takes what is told; may wait until there is room for it."""


class Follower:
    """Follows a process, in a thread of its own.

    A lost connection is made again, for as long as it takes. What was written meanwhile is lost,
    and that is said. A process that has closed its outputs is given up after PATIENCE seconds.

    Args:
        process: which.
        put: takes what it writes.
    """

    def __init__(self, process: Process, put: Put) -> None:
        self._process = process
        self._put = put
        self._losses = Backoff(math.inf)
        self._ends = Backoff(RECONNECT_TIMEOUT)
        self._is_first = True
        self._missed = False
        self._is_replaced = False

    def run(self) -> bool:
        """Return when the process has ended.

        Returns:
            Whether there is another one of its pid: gafferd was started anew.

        Raises:
            ClientError: gafferd refuses it, or answers nonsense.
        """
        try:
            info = patiently(self._process.info, self._report_busy)
        except NotFoundError:
            self._tell_kept()
            return False
        if not info.redirect_output:
            self._put(not_redirected(info))
            return False
        while (delay := self._followed(info)) is not None:
            time.sleep(delay)
            self._missed = True
        return self._is_replaced

    def _followed(self, info: ProcessInfo) -> float | None:
        """Follow until the feed ends: seconds until the next try; None if there is nothing to try.

        The end of a feed may be that of the process, or of its outputs, or of the API alone.
        """
        try:
            self._is_replaced = not (self._is_first or _is_same(info, self._process.info()))
            if self._is_replaced:
                return None
            self._tell(info)
        except NotFoundError:
            if self._is_first:
                self._tell_kept()
            return None
        except TRANSIENT_ERRORS as error:
            if isinstance(error, BusyError):
                self._report_busy(error)
            return self._losses.next_delay(time.monotonic())
        return self._ends.next_delay(time.monotonic())

    def _tell(self, info: ProcessInfo) -> None:
        with self._process.lines(tail=self._is_first) as lines:
            self._is_first = False
            self._losses.connected(time.monotonic())
            self._ends.connected(time.monotonic())
            for line in lines:
                told = told_of(info, line)
                if told is None:
                    continue
                if self._missed:
                    self._missed = False
                    self._put(Told(info, line.label, lost=None))
                self._put(told)

    def _report_busy(self, error: BusyError) -> None:
        self._put(Note(f"not every process is followed now: {error}", once=True))

    def _tell_kept(self) -> None:
        """It has ended before it could be followed."""
        try:
            # All of it before any is told, so that nothing is told twice.
            for told in patiently(lambda: list(kept_of(self._process))):
                self._put(told)
        except NotFoundError:
            text = f"a process, pid {self._process.pid}, has ended before its output could be read"
            self._put(Note(text))


def _is_same(one: ProcessInfo, other: ProcessInfo) -> bool:
    """Whether a pid still means the same process: another run of gafferd begins to count anew."""
    return (one.os_pid, one.create_time) == (other.os_pid, other.create_time)
