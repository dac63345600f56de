"""CrashLog: logs the crashes of one job, without filling the disk in a crash loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf

from gaffer_kernel.jobs.exits import ExitRecord
from gaffer_kernel.jobs.restart import Decision
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process

log = logging.getLogger(__name__)
# A program that embeds the kernel and has not set up logging gets the `exit` events. Without this
# handler, logging would print each crash on its standard error (logging.lastResort).
log.addHandler(logging.NullHandler())

LOOP_INTERVAL = 60.0
"""Seconds without a crash that end a loop, and between two summaries of a loop."""
MAX_LINE = 200
"""Characters of the last line of output that are logged."""


class CrashLog:
    """Logs crashes of a job: in a loop the 1st, 2nd, 4th, 8th and so on, and one each minute.

    Each line has the exit status or the signal, the uptime, the last line of output, and when the
    next process starts.

    Args:
        name: the name of the job.
        now: the monotonic clock.
    """

    def __init__(self, name: JobName, now: Callable[[], float]) -> None:
        self._name = name
        self._now = now
        self._count = 0
        self._logged_count = 0
        self._logged_at = 0.0
        self._crashed_at = -inf

    def add(self, process: Process, crash: ExitRecord, decision: Decision | None) -> None:
        """Log a crash, unless it is one of many.

        Args:
            process: the process that exited.
            crash: how it exited.
            decision: when the next process starts, or why none does; None for a one-off.
        """
        now = self._now()
        if now - self._crashed_at >= LOOP_INTERVAL:
            self._count = self._logged_count = 0
        self._crashed_at = now
        self._count += 1
        is_power_of_two = self._count & (self._count - 1) == 0
        if not is_power_of_two and now - self._logged_at < LOOP_INTERVAL:
            return
        new = self._count - self._logged_count
        parts = [
            self._get_label(crash),
            str(crash) + (f" ({new} crashes since the last line)" if new > 1 else ""),
            get_last_line(process),
        ]
        log.warning("%s%s", ": ".join(filter(None, parts)), _describe(decision))
        self._logged_count, self._logged_at = self._count, now

    def add_success(self, done: ExitRecord) -> None:
        """Log an exit with a success code after which the instance is not started again."""
        log.info("%s: %s; completed", self._get_label(done), done)

    def _get_label(self, record: ExitRecord) -> str:
        return f"{self._name}.{record.number}" if record.number else str(self._name)


def get_last_line(process: Process) -> str:
    """Return the last line of output that is not empty, of the last stream that has one."""
    for label in reversed(process.config.redirect_output):
        output = process.outputs.logs[label]
        text = output.since(output.start)[0].decode(errors="backslashreplace")
        for line in reversed(text.splitlines()):
            if line := line.strip():
                return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}..."
    return ""


def _describe(decision: Decision | None) -> str:
    if decision is None or decision.delay is None:
        return ""
    if decision.rule:
        return f"; not started again: {decision.rule}"
    return f"; next start in {decision.delay:.1f} s"
