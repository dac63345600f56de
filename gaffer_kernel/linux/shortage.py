"""Shortages of descriptors and memory: a reserve for supervision, and one report for each."""

from __future__ import annotations

import errno
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import trio

from gaffer_kernel.errors import describe_exception

log = logging.getLogger(__name__)

MAX_RESERVE = 256
"""Descriptors that only supervision may open; a third of the limit if that is less."""
RETRY_INTERVAL = 0.1
"""Seconds after which supervision tries again what a shortage has kept it from."""
REPORT_INTERVAL = 60.0
"""Seconds without a shortage after which the next one is logged."""
_SHORTAGES = {
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.ENOSPC,  # epoll_ctl(2): max_user_watches
}


def is_shortage(error: BaseException) -> bool:
    """Return whether an error says that the system or this program has run out of something."""
    if isinstance(error, OSError):
        return error.errno in _SHORTAGES
    # CPython raises RuntimeError when pthread_create(3) fails with EAGAIN.
    return isinstance(error, MemoryError) or "can't start new thread" in str(error)


class ShortageLog:
    """Logs the first error of a shortage, and none of the others until it is over."""

    def __init__(self) -> None:
        self._last = -inf

    def report(self, what: str, error: BaseException) -> None:
        """Log an error, unless the last one was less than REPORT_INTERVAL seconds ago.

        Args:
            what: what cannot be done for now, to begin the line.
            error: for which `is_shortage` is true.
        """
        now = trio.current_time()
        if now - self._last >= REPORT_INTERVAL:
            log.warning(
                "%s: %s: trying again until it works; check the limit of open files (ulimit -n)"
                " and the free memory",
                what,
                describe_exception(error),
            )
        self._last = now


class DescriptorReserve:
    """Descriptors that are kept for supervision, so that connections are refused first.

    No descriptor is held for this: the soft limit of open files (RLIMIT_NOFILE) is below the hard
    one, except in the blocks of `opened`.

    Attributes:
        before: the limits found, for the children; None if the reserve is not enabled.
    """

    def __init__(self) -> None:
        self.before: tuple[int, int] | None = None

    def enable(self) -> None:
        """Raise the soft limit of open files to the hard one, less the reserve."""
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._close()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let this block open descriptors of the reserve, too. It must not await."""
        if self.before is None:
            yield
            return
        # Read again, because prlimit(1) may have changed it.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            yield
        finally:
            self._close()

    def _close(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft = hard - min(MAX_RESERVE, hard // 3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
