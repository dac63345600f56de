"""The log of gafferd, on standard error or in a file."""

from __future__ import annotations

import logging
import re
import sys

from gaffer_kernel.daemon.log_handlers import LogFile, LogStream, StderrHandler
from gaffer_kernel.errors import GafferError

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _OneLine(logging.Formatter):
    """Escapes control characters, so that a message stays on one line; tracebacks follow it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def start_logging(level: str, file: str | None) -> None:
    """Write the log of this program to one place. Logging never raises, even if it fails to write.

    Args:
        level: the lowest level that is logged.
        file: the file to append to; standard error when not given. It may be moved away: it is then
            created again.

    Raises:
        GafferError: the file cannot be written.
    """
    handler = _file_handler(file) if file else StderrHandler()
    handler.setFormatter(_OneLine(FORMAT))
    logging.root.addHandler(handler)
    logging.root.setLevel(level.upper())


def write_stdout_to_log() -> None:
    """Write what this program prints to the file of its log, if it has one.

    For a daemon, whose standard output is /dev/null.
    """
    for handler in logging.root.handlers:
        if isinstance(handler, LogFile):
            sys.stdout = LogStream(handler)


def describe_log() -> str:
    """Describe where the log goes, and from which level on."""
    places = [each.place for each in logging.root.handlers if isinstance(each, StderrHandler)]
    level = logging.getLevelName(logging.root.level).lower()
    return f"log: {', '.join(places) or 'nowhere'}, level {level}"


def _file_handler(file: str) -> logging.Handler:
    try:
        return LogFile(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise GafferError(f"error log {file}: {reason}") from None
