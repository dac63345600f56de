"""The lines shown of programs in the foreground, and the terminal size that they get."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from gaffer_kernel import Job, JobConfig, hookimpl

_MIN_COLUMNS = 20
_OWN_NAME = len("gaffer")
_PREFIX = len("HH:MM:SS  | ")
"""Characters before a line, in addition to the name."""

_CRASH_LOG = "gaffer_kernel.jobs.crash_log"


def name_width(jobs: Iterable[JobConfig]) -> int:
    """Return the length of the longest name of a process, such as `worker.10`."""
    names = (f"{job.name}.{job.numprocesses}" for job in jobs if job.numprocesses)
    return max(_OWN_NAME, *map(len, names))


class WindowSize:
    """A plugin that gives programs with a pty the size of our terminal, less the prefix.

    Args:
        name_width: the length of the names in the prefix.
    """

    name = "window_size"

    def __init__(self, name_width: int) -> None:
        self._taken = name_width + _PREFIX

    @hookimpl
    def gaffer_process_env(self, job: Job) -> Mapping[str, str]:
        """Return COLUMNS and LINES, unless the job sets them."""
        if not job.config.pty:
            return {}
        try:
            ours = os.get_terminal_size(1)
        except (OSError, ValueError):
            # Standard output is not a terminal.
            return {}
        columns = max(_MIN_COLUMNS, ours.columns - self._taken)
        size = {"COLUMNS": str(columns), "LINES": str(ours.lines)}
        return {key: value for key, value in size.items() if key not in job.config.env}


class _LineHandler(logging.Handler):
    """Prints log records, one a line."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._print_line = print_line

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _CRASH_LOG:
            # The console prints each exit, and the output before it.
            return
        self._print_line(self.format(record))


@contextmanager
def show_warnings(print_line: Callable[[str], None]) -> Iterator[None]:
    """Print warnings of the kernel among the other lines."""
    handler = _LineHandler(print_line)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
