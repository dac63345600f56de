"""The file of one URL: one line of JSON for each record, append-only.

It is rewritten now and then without the records of messages that are gone.

A line is written at once, so it survives the exit of gafferd, by SIGKILL too. It is on disk after
`flush`, which the flusher calls about once a second: a power failure can lose that much.
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

from gaffer_webhooks.messages import Messages, Record

log = logging.getLogger(__package__)

MIN_REWRITE_SIZE = 64 * 2**10
"""Bytes up to which a file is not worth rewriting."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class Journal:
    """One file and the messages it records.

    Args:
        path: the file. Its folder must exist.
        messages: the messages; a rewrite writes these.

    Attributes:
        error: why the file cannot be written; None if it can. Nothing more is appended until
            `flush` has succeeded in rewriting it.
        closed: whether it is no longer used.
    """

    def __init__(self, path: Path, messages: Messages) -> None:
        self.path = path
        self.error: OSError | None = None
        self.closed = False
        self._messages = messages
        self._fd = -1
        self._size = 0
        self._unsynced = False
        self._name_unsynced = False
        # Appended during a rewrite, and due for the new file too.
        self._tail: bytearray | None = None

    def open(self) -> None:
        """Read the file into the messages and open it for appending.

        A file with damaged lines, or with an incomplete last one, which a power failure can leave,
        is set aside, and a new one holds the other lines.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        damaged = self._read(data)
        try:
            if damaged:
                self._set_aside(damaged)
            self._fd = os.open(self.path, _FLAGS, 0o600)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            self.error = error
        self._name_unsynced = damaged > 0 or not data

    def _read(self, data: bytes) -> int:
        """Apply the records in a file; return the number of lines that are not records."""
        *lines, rest = data.split(b"\n")
        damaged = int(rest != b"")
        for line in lines:
            try:
                self._messages.apply(_decode(line))
            except (ValueError, RecursionError):
                damaged += 1
        return damaged

    def _set_aside(self, damaged: int) -> None:
        """Give the damaged file another name, and write a new one without the damaged lines.

        Raises:
            OSError: the new file cannot be written.
        """
        aside = self.path.with_name(f"{self.path.name}.damaged")
        log.warning(
            "%s: damaged lines are left out (%d): the whole file is kept as %s",
            *(self.path, damaged, aside.name),
        )
        # Two names until the new file is complete: a crash in between loses nothing.
        aside.unlink(missing_ok=True)
        os.link(self.path, aside)
        new = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        fd, _ = _write_new(new, list(self._messages.list_records()))
        os.close(fd)
        new.rename(self.path)

    def append(self, records: Iterable[Record]) -> None:
        """Append records. Raises nothing: see `error`."""
        data = b"".join(map(_format_line, records))
        if self._tail is not None:
            self._tail += data
        if self.error is not None or self.closed:
            return
        try:
            _write(self._fd, data)
        except OSError as error:
            self.error = error
            self._truncate()
        else:
            self._size += len(data)
            self._unsynced = True

    def _truncate(self) -> None:
        """Remove an incomplete line, written before the write failed with ENOSPC for example."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            log.debug("%s: cannot remove an incomplete line: %s", self.path, error)

    async def flush(self, limiter: trio.CapacityLimiter) -> None:
        """Bring the file to disk with fsync; rewrite it first if it is long or had an error.

        Works in a thread. Raises nothing: see `error`.

        Args:
            limiter: limits the number of threads.
        """
        if self.error is not None or self._size > max(MIN_REWRITE_SIZE, 2 * self._messages.size):
            await self._rewrite(limiter)
        if self._unsynced and self.error is None and not self.closed:
            await self._sync(limiter)

    async def _sync(self, limiter: trio.CapacityLimiter) -> None:
        self._unsynced = False
        folder = self.path.parent if self._name_unsynced else None
        try:
            # A duplicate: the journal may close its own descriptor before the thread uses it.
            job = _FsyncJob(os.dup(self._fd), folder)
            await trio.to_thread.run_sync(job, abandon_on_cancel=True, limiter=limiter)
            self._name_unsynced = False
        except OSError as error:
            self.error = error

    async def _rewrite(self, limiter: trio.CapacityLimiter) -> None:
        records = list(self._messages.list_records())
        new = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        self._tail = bytearray()
        try:
            fd, size = await trio.to_thread.run_sync(_write_new, new, records, limiter=limiter)
            self._replace(fd, new, size, bytes(self._tail))
        except OSError as error:
            self.error = error
        finally:
            self._tail = None

    def _replace(self, fd: int, new: Path, size: int, tail: bytes) -> None:
        try:
            _write(fd, tail)
            if self.closed:
                raise OSError(errno.EBADF, "closed during the rewrite")
            new.rename(self.path)
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        self._close_fd()
        self._fd, self._size, self.error = fd, size + len(tail), None
        self._unsynced = self._name_unsynced = True

    def close(self) -> None:
        """Close the file. It cannot be opened again."""
        self.closed = True
        self._close_fd()

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Close and remove the file."""
        self.close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: cannot be removed: %s", self.path, error.strerror)


class _FsyncJob:
    """An fsync for a thread that may be abandoned: it closes its own descriptor."""

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
    """Bring the entries of a folder to disk with fsync; blocks.

    Raises:
        OSError: the folder cannot be opened or synced.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_new(path: Path, records: list[Record]) -> tuple[int, int]:
    """Write records to a new file and sync it; return its descriptor and size; blocks."""
    data = b"".join(map(_format_line, records))
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


def _format_line(record: Record) -> bytes:
    return _encode(record) + b"\n"
