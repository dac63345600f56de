"""Log handlers that never raise and never retry in a loop: standard error, and a file."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import select
import sys

MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NOCTTY | os.O_NONBLOCK
WRITE_TIMEOUT = 100
"""Milliseconds to wait for a descriptor that another program has made non-blocking."""


class StderrHandler(logging.Handler):
    """Writes each record as a line to standard error.

    Lines that cannot be written are counted. The first line that can be written again follows one
    that gives their number.
    """

    place = "standard error"

    def __init__(self) -> None:
        super().__init__()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; never raises."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  the arguments of a log call can be wrong in any way
            self.handleError(record)
            return
        self.put(line)

    def put(self, text: str, lines: int = 1) -> None:
        """Write a line or several; never raises. The caller holds the lock of the handler.

        Args:
            text: without a line end.
            lines: their number, to be counted if they are lost.
        """
        note = f"{self.place}: works again, lines lost: {self._lost:,}\n" if self._lost else ""
        try:
            self.write(f"{note}{text}\n")
        except (OSError, ValueError) as error:  # ValueError: a stream that is closed
            is_first, self._lost = not self._lost, self._lost + lines
            self.report_failure(text, error, is_first=is_first)
        else:
            self._lost = 0

    def write(self, text: str) -> None:
        """Write text.

        Raises:
            OSError: not all of it was written.
            ValueError: standard error is closed.
        """
        write_stderr(text)

    def report_failure(self, line: str, error: Exception, *, is_first: bool) -> None:
        """Called with each line that was not written."""


class LogFile(StderrHandler):
    """Appends records to a file, which is created with mode 0640 and may be moved away at any time.

    While the file cannot be written, records go to standard error, after one line that gives the
    reason.

    Args:
        path: the path of the file.

    Raises:
        OSError: it cannot be opened, or is a symbolic link.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = os.path.abspath(path)
        self.place = f"error log {self._path}"
        self._fd = _open(self._path)

    def write(self, text: str) -> None:
        """Open the file again if it was moved away, and append text to it; raises OSError."""
        if not self._is_current():
            self._close_file()
            self._fd = _open(self._path)
        _write_all(self._fd, text)

    def report_failure(self, line: str, error: Exception, *, is_first: bool) -> None:
        """Write the line to standard error, the first time after the reason."""
        if is_first:
            reason = getattr(error, "strerror", None) or str(error)
            line = f"{self.place}: {reason}: the log goes to standard error\n{line}"
        print_error(line)

    def close(self) -> None:
        """Close the file."""
        self._close_file()
        super().close()

    def _is_current(self) -> bool:
        try:
            return self._fd >= 0 and os.path.samestat(os.fstat(self._fd), os.lstat(self._path))
        except OSError:
            # ENOENT: it was moved or removed; EACCES: its folder may no longer be entered.
            return False

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class LogStream(io.TextIOBase):
    """A standard output whose lines go to a log file, as they are. Writing never raises.

    Args:
        file: the handler of the file.
    """

    def __init__(self, file: LogFile) -> None:
        super().__init__()
        self._file = file
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the file."""
        return "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write the complete lines of the text; keep the rest for the next call."""
        lines, end, rest = text.rpartition("\n")
        with self._file.lock or contextlib.nullcontext():
            if end:
                self._file.put(f"{self._rest}{lines}", lines.count("\n") + 1)
                self._rest = rest
            else:
                self._rest += text
        return len(text)


def print_error(line: str) -> None:
    """Print a line on standard error; do nothing if that fails: no other place is left."""
    with contextlib.suppress(OSError, ValueError):
        write_stderr(f"{line}\n")


def write_stderr(text: str) -> None:
    """Write text to standard error, without a buffer.

    The buffer of `sys.stderr` would keep what cannot be written, and fail again with each line.

    Raises:
        OSError: not all of it was written.
        ValueError: it is closed.
    """
    stream = sys.stderr
    if stream is None:
        return
    try:
        fd = stream.fileno()
    except OSError:
        # An object that a program has put there, without a descriptor.
        stream.write(text)
        return
    _write_all(fd, text)


def _open(path: str) -> int:
    try:
        fd = os.open(path, _FLAGS, MODE)
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise OSError(error.errno, "is a symbolic link: name the file itself", path) from None
        raise
    # O_NONBLOCK is only for open(2), which would block on a FIFO without a reader.
    os.set_blocking(fd, True)
    return fd


def _write_all(fd: int, text: str) -> None:
    rest = text.encode(errors="backslashreplace")
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            if not poll.poll(WRITE_TIMEOUT):
                raise
