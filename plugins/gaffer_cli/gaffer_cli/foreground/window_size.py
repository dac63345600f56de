"""What is shown of programs in the foreground, and how wide a window they find."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from gaffer_kernel import Job, JobConfig, hookimpl

_NARROWEST = 20
_OWN_NAME = len("gaffer")
_AROUND = len("HH:MM:SS  | ")
"""What stands before a line besides the name."""


def name_width(jobs: Iterable[JobConfig]) -> int:
    """Characters of the longest name of a process, such as `worker.10`."""
    names = (f"{job.name}.{job.numprocesses}" for job in jobs if job.numprocesses)
    return max(_OWN_NAME, *map(len, names))


class Window:
    """A plugin that tells programs with a terminal of their own how much room there is in ours.

    Args:
        name_width: characters that names take.
    """

    name = "window"

    def __init__(self, name_width: int) -> None:
        self._taken = name_width + _AROUND

    @hookimpl
    def gaffer_process_env(self, job: Job) -> Mapping[str, str]:
        """COLUMNS and LINES, if nobody has set them for it."""
        if not job.config.pty:
            return {}
        try:
            ours = os.get_terminal_size(1)
        except (OSError, ValueError):
            # It is no terminal.
            return {}
        columns = max(_NARROWEST, ours.columns - self._taken)
        found = {"COLUMNS": str(columns), "LINES": str(ours.lines)}
        return {key: value for key, value in found.items() if key not in job.config.env}


class _Lines(logging.Handler):
    """Shows what is logged, a line each."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(self.format(record))


@contextmanager
def warnings_shown(say: Callable[[str], None]) -> Iterator[None]:
    """Show warnings of the kernel as lines among the others."""
    handler = _Lines(say)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
