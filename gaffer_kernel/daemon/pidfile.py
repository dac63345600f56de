"""PidFile: a locked file with the pid of gafferd, which prevents a second one from starting.

The lock decides, not the number: after a crash or a reboot the number may belong to another
process, so a file that is not locked is taken over.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from gaffer_kernel.daemon.locks import lock_holders
from gaffer_kernel.errors import GafferError

log = logging.getLogger(__name__)

_MAX_LENGTH = 32
"""Bytes read of a pid file: more than any pid has."""


class PidFile:
    """The pid file of this process during the block.

    It holds the pid and a newline, has mode 0644, and is never half written. At the end it is
    removed, unless another file has replaced it.

    Args:
        path: the path; its folder must exist.

    Raises:
        GafferError: another process has locked it, or it cannot be our pid file: it is a symbolic
            link, belongs to another user, is not a regular file, or its folder does not exist.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._fd = -1

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def take(self) -> None:
        """Lock the file and write the pid; raises as described for the class."""
        while self._fd < 0:
            fd = self._open()
            try:
                self._check(fd)
                if not self._lock(fd):
                    self._discard(fd)
                elif self._is_ours(fd):
                    self._fd, fd = fd, -1
                # Else its owner removed it between our open(2) and flock(2): try again.
            finally:
                if fd >= 0:
                    os.close(fd)
        self._write()

    def release(self) -> None:
        """Remove the file and the lock. May be called again."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if self._is_ours(fd):
                self.path.unlink()
        except OSError as error:
            log.warning("pid file %s cannot be removed: %s", self.path, error.strerror)
        finally:
            os.close(fd)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            # Mode 0600: no other user can lock a new file first. `_write` sets 0644.
            return os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            raise self._error(f"there is no folder {self.path.parent}") from None
        except (OSError, ValueError) as error:
            # os.path.islink, unlike Path.is_symlink, is False where lstat(2) fails, with EACCES
            # for one.
            if os.path.islink(self.path):
                raise self._error("it is a symbolic link: name the file itself") from None
            raise self._error(getattr(error, "strerror", None) or str(error)) from None

    def _check(self, fd: int) -> None:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise self._error("it is not a regular file")
        if found.st_uid != os.geteuid():
            raise self._error(f"it belongs to user {found.st_uid}: remove it, or name another")
        if found.st_nlink > 1:
            raise self._error("it has a second name (hard link): remove it, or name another")

    def _lock(self, fd: int) -> bool:
        """Lock the file; return False if another user holds the lock.

        After a crash the file remains, and flock(2) needs no write permission: another user could
        prevent gafferd from starting. A running gafferd has locked the file itself; a lock that was
        inherited from a process that has exited does not count.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            uids = lock_holders(fd)
            if uids is None or uids & {0, os.geteuid()}:
                raise self._already_running(fd) from None
            who = (
                " and ".join(f"user {uid}" for uid in sorted(uids))
                or "a child of a process that has exited"
            )
            log.warning("pid file %s: replaced: %s had locked it", self.path, who)
            return False
        except OSError as error:
            raise self._error(f"it cannot be locked: {error.strerror}") from None
        return True

    def _discard(self, fd: int) -> None:
        """Remove a file that cannot be locked, unless another has replaced it."""
        if self._is_ours(fd):
            try:
                self.path.unlink()
            except OSError as error:
                raise self._error(f"it cannot be replaced: {error.strerror}") from None

    def _write(self) -> None:
        try:
            os.fchmod(self._fd, 0o644)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise self._error(f"it cannot be written: {error.strerror}") from None

    def _already_running(self, fd: int) -> GafferError:
        # Empty between the lock and the first write of the other process.
        pid = os.pread(fd, _MAX_LENGTH, 0).decode("ascii", "replace").strip()
        who = f"on PID {pid}" if pid.isdigit() else "on a PID not known yet"
        return GafferError(f"Already running {who} (pid file {self.path})")

    def _is_ours(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self.path.lstat())
        except OSError:
            # ENOENT, or EACCES for its folder.
            return False

    def _error(self, reason: str) -> GafferError:
        return GafferError(f"pid file {self.path}: {reason}")
