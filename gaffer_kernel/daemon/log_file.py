"""LogFile: a log file that cannot be redirected by a symbolic link."""

from __future__ import annotations

import errno
import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler

MODE = 0o640
_FLAGS = os.O_NOFOLLOW | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


class LogFile(WatchedFileHandler):
    """Appends records to a file, which is created with mode 0640 and may be moved away at any time.

    If the file cannot be opened again later, records go to standard error, after one line that
    gives the reason.

    Args:
        path: the path of the file.

    Raises:
        OSError: it cannot be opened, or is a symbolic link.
    """

    def __init__(self, path: str) -> None:
        self._failed = False
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_opened
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError as error:  # from opening the file again
            self.stream = None
            self._to_stderr(record, error)
        else:
            self._failed = False

    def _to_stderr(self, record: logging.LogRecord, error: OSError) -> None:
        if sys.stderr is None:
            return
        if not self._failed:
            self._failed = True
            print(f"error log {self.baseFilename}: {error.strerror}", file=sys.stderr)
        print(self.format(record), file=sys.stderr)


def _opened(name: str, flags: int) -> int:
    try:
        fd = os.open(name, flags | _FLAGS, MODE)
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(name):
            raise OSError(error.errno, "is a symbolic link: name the file itself", name) from None
        raise
    # O_NONBLOCK is only for open(2), which would block on a FIFO without a reader.
    os.set_blocking(fd, True)
    return fd
