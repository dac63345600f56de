"""The audit log in a file of its own: who has changed what, one line each."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

log = logging.getLogger(__package__)

LOGGER = "gaffer.audit"
"""Where those who answer requests write."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class AuditFile(WatchedFileHandler):
    """Appends the audit log to a file; says once that it cannot, and once that it can again.

    The file is made with mode 0600. It may be moved away, and is then made anew.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self._problem: str | None = None
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_Formatter())

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_opened
        )

    def emit(self, record: logging.LogRecord) -> None:
        before, self._problem = self._problem, None
        try:
            super().emit(record)
        except OSError as error:  # from opening the file anew
            self._problem = error.strerror
        if self._problem and not before:
            log.error("audit log %s: %s; changes go unrecorded", self.baseFilename, self._problem)
        if before and not self._problem:
            log.warning("audit log %s: changes are recorded again", self.baseFilename)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._problem = error.strerror

    @contextmanager
    def auditing(self) -> Iterator[None]:
        """Write as long as the block lasts, whatever the level of the log; then close the file."""
        logger = logging.getLogger(LOGGER)
        level, propagate = logger.level, logger.propagate
        # The log of gafferd goes on to hold these lines only if its own level lets them in.
        logger.propagate = propagate and logger.isEnabledFor(logging.INFO)
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)
            logger.propagate = propagate
            self.close()


class _Formatter(logging.Formatter):
    """`2026-11-25T23:12:08Z token ci: POST /jobs/default/web/state: 202`, always one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], super().format(record))


def _opened(name: str, flags: int) -> int:
    fd = os.open(name, flags | _FLAGS, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "is no regular file", name)
    return fd
