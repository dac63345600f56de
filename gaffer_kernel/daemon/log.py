"""The log of gafferd: one line for each thing worth it, on standard error or in a file."""

from __future__ import annotations

import logging
import re

from gaffer_kernel.errors import GafferError

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _OneLine(logging.Formatter):
    """What a record says stays on its line and does nothing to a terminal; tracebacks follow it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def start_logging(level: str, file: str | None) -> None:
    """Send the log of everything in this program to one place.

    Args:
        level: the least that is worth a line.
        file: where to append to; standard error when not given. It may be moved away and made anew.

    Raises:
        GafferError: the file cannot be written.
    """
    handler = _file_handler(file) if file else logging.StreamHandler()
    handler.setFormatter(_OneLine(FORMAT))
    logging.root.addHandler(handler)
    logging.root.setLevel(level.upper())


def _file_handler(file: str) -> logging.Handler:
    # Imported late: few need a log file, and the import of logging.handlers takes time.
    from gaffer_kernel.daemon.log_file import LogFile

    try:
        return LogFile(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise GafferError(f"error log {file}: {reason}") from None
