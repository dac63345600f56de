"""The audit log in its own file: each change with its caller, one line each."""

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
"""The logger of the audit records of gaffer-http."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class AuditFile(WatchedFileHandler):
    """Appends the audit log to a file; logs once when that fails, and once when it works again.

    The file is created with mode 0600. After it was moved away, it is created again.

    Args:
        path: the path of the file.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self._problem: str | None = None
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_Formatter())

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_open_regular
        )

    def emit(self, record: logging.LogRecord) -> None:
        before, self._problem = self._problem, None
        try:
            super().emit(record)
        except OSError as error:  # from opening the file again
            self._problem = error.strerror
        if self._problem and not before:
            log.error(
                "audit log %s: %s: changes are not recorded", self.baseFilename, self._problem
            )
        if before and not self._problem:
            log.warning("audit log %s: changes are recorded again", self.baseFilename)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._problem = error.strerror

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Record while the block runs, whatever the log level of gafferd; then close the file."""
        logger = logging.getLogger(LOGGER)
        level, propagate = logger.level, logger.propagate
        # The log of gafferd receives these records only if its own level includes them.
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
    """Formats `2026-11-25T23:12:08Z token ci: POST /jobs/default/web/state: 202` as one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], super().format(record))


def _open_regular(name: str, flags: int) -> int:
    fd = os.open(name, flags | _FLAGS, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "is not a regular file", name)
    return fd
