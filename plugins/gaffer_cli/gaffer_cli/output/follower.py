"""The output of one process, for as long as it runs and gafferd can be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from gaffer_client import NotFoundError, Process, ProcessInfo
from gaffer_client.errors import BusyError
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT, Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

from gaffer_cli.output.backlog import read_process_backlog
from gaffer_cli.output.records import Connected, Note, OutputRecord, not_redirected_note, to_record
from gaffer_cli.output.retry import retry

Put = Callable[[OutputRecord | Note | Connected], None]
"""Takes a record; may block until there is room for it."""


class Follower:
    """Follows a process, in a thread of its own.

    A lost connection is retried for as long as it takes. A record marks the output lost in the
    meantime. A process that has closed its outputs is given up after RECONNECT_TIMEOUT seconds.

    Args:
        process: the process.
        put: takes its output.
        stored: begin with the stored output.
    """

    def __init__(self, process: Process, put: Put, *, stored: bool = True) -> None:
        self._stored = stored
        self._process = process
        self._put = put
        self._losses = Backoff(math.inf)
        self._ends = Backoff(RECONNECT_TIMEOUT)
        self._is_first = True
        self._missed = False
        self._is_replaced = False

    def run(self) -> bool:
        """Follow until the process has exited.

        Returns:
            Whether another process has its pid now, because gafferd was restarted.

        Raises:
            ClientError: gafferd refuses a request, or sends an invalid answer.
        """
        try:
            info = retry(self._process.info, self._report_busy)
        except NotFoundError:
            self._put_backlog()
            return False
        if not info.redirect_output:
            self._put(not_redirected_note(info))
            return False
        while (delay := self._follow_once(info)) is not None:
            time.sleep(delay)
            self._missed = True
        return self._is_replaced

    def _follow_once(self, info: ProcessInfo) -> float | None:
        """Follow until the feed ends; return the seconds until the next try, or None for no retry.

        A feed ends when the process exits, when its outputs are closed, or when the API stops.
        """
        try:
            self._is_replaced = not (self._is_first or _is_same(info, self._process.info()))
            if self._is_replaced:
                return None
            self._put_lines(info)
        except NotFoundError:
            if self._is_first:
                self._put_backlog()
            return None
        except TRANSIENT_ERRORS as error:
            if isinstance(error, BusyError):
                self._report_busy(error)
            return self._losses.next_delay(time.monotonic())
        return self._ends.next_delay(time.monotonic())

    def _put_lines(self, info: ProcessInfo) -> None:
        with self._process.lines(tail=self._is_first and self._stored, times=True) as lines:
            if self._is_first:
                self._put(Connected(self._process.pid))
            self._is_first = False
            self._losses.connected(time.monotonic())
            self._ends.connected(time.monotonic())
            for line in lines:
                record = to_record(info, line)
                if record is None:
                    continue
                if self._missed:
                    self._missed = False
                    self._put(OutputRecord(info, line.label, lost=None))
                self._put(record)

    def _report_busy(self, error: BusyError) -> None:
        self._put(Note(f"not every process is followed now: {error}", once=True))

    def _put_backlog(self) -> None:
        """Put the stored output of a process that exited before it could be followed."""
        if not self._stored:
            return
        try:
            # The whole list before the first record, so that a retry does not repeat records.
            for record in retry(lambda: list(read_process_backlog(self._process))):
                self._put(record)
        except NotFoundError:
            text = f"process {self._process.pid} exited before its output could be read"
            self._put(Note(text))


def _is_same(one: ProcessInfo, other: ProcessInfo) -> bool:
    """Return whether two infos are of one process: pids start again when gafferd is restarted."""
    return (one.os_pid, one.create_time) == (other.os_pid, other.create_time)
