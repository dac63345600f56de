"""The file of one URL: a line of JSON for each record, only ever appended to, and now and then
written anew without what is over.

A line is written at once, so that it survives the end of gafferd, a SIGKILL too. It is on the disk
after `tend`, which the keeper calls about once a second: that much a power failure can cost.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec
import trio

from gaffer_webhooks.messages import Letters, Record

log = logging.getLogger(__package__)

SMALL = 64 * 2**10
"""Bytes up to which a file is not worth writing anew."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class Journal:
    """One file, and the letters that it is about.

    Args:
        path: where it is. Its folder must exist.
        letters: what is written when the file is written anew.

    Attributes:
        problem: why it cannot be written; None when all is well. Until `tend` has found room
            again, nothing more is written.
        closed: whether it is not used any more.
    """

    def __init__(self, path: Path, letters: Letters) -> None:
        self.path = path
        self.problem: OSError | None = None
        self.closed = False
        self._letters = letters
        self._fd = -1
        self._size = 0
        self._unsynced = False
        self._new_name = False
        # What is appended while the file is being written anew belongs into the new one, too.
        self._tail: bytearray | None = None

    def open(self) -> None:
        """Read what there is into the letters, and be ready to append.

        The beginning of a line, which is all that a crash may leave of the last one, is cut off.

        Raises:
            OSError: it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        whole = data.rfind(b"\n") + 1
        self._read(data[:whole])
        try:
            self._fd = os.open(self.path, _FLAGS, 0o600)
            os.ftruncate(self._fd, whole)
        except OSError as error:
            self.problem = error
        self._size = whole
        self._new_name = not data

    def _read(self, data: bytes) -> None:
        wrong = 0
        for line in data.split(b"\n")[:-1]:
            try:
                self._letters.apply(_decode(line))
            except (ValueError, RecursionError):
                wrong += 1
        if wrong:
            log.warning("%s: %d lines are damaged and were left out", self.path, wrong)

    def append(self, records: Iterable[Record]) -> None:
        """Write records. Raises nothing: see `problem`."""
        data = b"".join(map(_line, records))
        if self._tail is not None:
            self._tail += data
        if self.problem is not None or self.closed:
            return
        try:
            _write(self._fd, data)
        except OSError as error:
            self.problem = error
            self._cut()
        else:
            self._size += len(data)
            self._unsynced = True

    def _cut(self) -> None:
        """Remove the part of a line that was written before there was no more room."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            log.debug("%s: %s: a part of a line stays", self.path, error)

    async def tend(self, limiter: trio.CapacityLimiter) -> None:
        """Bring what was written onto the disk; write the file anew if it is long or had a problem.

        Works in a thread. Raises nothing: see `problem`.

        Args:
            limiter: of threads.
        """
        if self.problem is not None or self._size > max(SMALL, 2 * self._letters.weight):
            await self._renew(limiter)
        if self._unsynced and self.problem is None and not self.closed:
            await self._sync(limiter)

    async def _sync(self, limiter: trio.CapacityLimiter) -> None:
        self._unsynced = False
        folder = self.path.parent if self._new_name else None
        try:
            # A descriptor of its own: this one may be closed before the thread has come that far.
            job = _Sync(os.dup(self._fd), folder)
            await trio.to_thread.run_sync(job, abandon_on_cancel=True, limiter=limiter)
            self._new_name = False
        except OSError as error:
            self.problem = error

    async def _renew(self, limiter: trio.CapacityLimiter) -> None:
        records = list(self._letters.records())
        new = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        self._tail = bytearray()
        try:
            fd, size = await trio.to_thread.run_sync(_write_new, new, records, limiter=limiter)
            self._replace(fd, new, size, bytes(self._tail))
        except OSError as error:
            self.problem = error
        finally:
            self._tail = None

    def _replace(self, fd: int, new: Path, size: int, tail: bytes) -> None:
        try:
            _write(fd, tail)
            if self.closed:
                raise OSError(errno.EBADF, "closed meanwhile")
            new.rename(self.path)
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        self._release()
        self._fd, self._size, self.problem = fd, size + len(tail), None
        self._unsynced = self._new_name = True

    def close(self) -> None:
        """Give back the descriptor; it is not used any more."""
        self.closed = True
        self._release()

    def _release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Close it, and remove the file."""
        self.close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: cannot be removed: %s", self.path, error.strerror)


class _Sync:
    """Work for a thread that may be abandoned: it closes what it uses."""

    def __init__(self, fd: int, folder: Path | None) -> None:
        self._fd = fd
        self._folder = folder

    def __call__(self) -> None:
        try:
            os.fsync(self._fd)
        finally:
            os.close(self._fd)
        if self._folder is not None:
            sync_folder(self._folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder onto the disk; blocks.

    Raises:
        OSError: it cannot be done.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_new(path: Path, records: list[Record]) -> tuple[int, int]:
    """A new file with some records, on the disk: its descriptor and its size; blocks."""
    data = b"".join(map(_line, records))
    fd = os.open(path, _FLAGS | os.O_EXCL, 0o600)
    try:
        _write(fd, data)
        os.fsync(fd)
    except OSError:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return fd, len(data)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _line(record: Record) -> bytes:
    return _encode(record) + b"\n"
