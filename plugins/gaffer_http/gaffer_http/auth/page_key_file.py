"""The file of the key that signs the cookies of signed-in browsers: `~/.gaffer/page.key`, mode
0600."""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from gaffer_kernel import GafferError, StorageError

PATH = "~/.gaffer/page.key"
"""In the home directory of gafferd's user; several gafferds of one user share it."""

_LENGTH = 32
_TEXT = re.compile(rb"[0-9a-f]{64}\n")
_MAX_SIZE = 4096


class PageKeyFile:
    """The key file. It is created when the first page key is requested.

    Args:
        path: where it is; `~/.gaffer/page.key` when not given.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._given = path

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._given or Path(os.path.expanduser(PATH))

    def read(self) -> bytes | None:
        """Return the key, or None when there is no file.

        Raises:
            GafferError: the file cannot be read, belongs to another user, can be read by other
                users, or holds no key.
        """
        try:
            # O_NOFOLLOW and O_NONBLOCK: do not follow a symbolic link, do not block on a FIFO.
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise self._error("is not a regular file")
            if found.st_uid != os.geteuid():
                raise self._error(f"belongs to user {found.st_uid}")
            if found.st_mode & 0o077:
                raise self._error("can be read or written by other users")
            text = os.read(fd, _MAX_SIZE)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        finally:
            os.close(fd)
        if not _TEXT.fullmatch(text):
            raise self._error("holds no key")
        return bytes.fromhex(text.decode())

    def read_or_create(self) -> bytes:
        """Return the key; create the file if there is none.

        Raises:
            GafferError: as `read`.
            StorageError: the file cannot be written.
        """
        key = self.read()
        if key is None:
            self._write(replace=False)
            key = self.read()
        if key is None:
            raise self._error("has been removed meanwhile")
        return key

    def renew(self) -> None:
        """Replace the key, whatever the file holds: all cookies become invalid.

        Raises:
            StorageError: the file cannot be written.
        """
        self._write(replace=True)

    def _write(self, *, replace: bool) -> None:
        path = self.path
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with suppress(FileExistsError):
                path.parent.mkdir(0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o600), "w") as file:
                file.write(f"{secrets.token_hex(_LENGTH)}\n")
                file.flush()
                os.fsync(file.fileno())
            if replace:
                os.replace(temporary, path)
            else:
                # link(2) fails with EEXIST if another gafferd was faster: then its key is used.
                with suppress(FileExistsError):
                    os.link(temporary, path, follow_symlinks=False)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"page key: {path}: cannot be written: {reason}") from None
        finally:
            with suppress(OSError):
                temporary.unlink()

    def _error(self, reason: str) -> GafferError:
        return GafferError(
            f"page key: {self.path}: {reason}: remove it, or type gafferctl open --revoke"
        )
