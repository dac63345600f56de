"""Opening files of a site: none outside of it, and none that another user could change.

A page of a site has the origin of the API, so its scripts may do whatever its reader may. That
makes it code, and subject to the rules for the code of plugins.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from gaffer_kernel.plugin import PathGuard


class SiteError(Exception):
    """A file of a site is not used; the text contains the path, the reason and the remedy."""


class OpenedPath:
    """A regular file or a folder, open until it is closed.

    Args:
        path: its path, without symbolic links.

    Raises:
        OSError: it does not exist, cannot be read, or is neither file nor folder.

    Attributes:
        path: the same.
        status: the result of fstat.
        is_folder: whether it is a folder; otherwise it is a regular file.
    """

    def __init__(self, path: Path) -> None:
        self._fd = -1
        # O_PATH first: opening a FIFO for reading blocks, and opening a device can have effects.
        self._fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.path = path
        self.status = os.fstat(self._fd)
        self.is_folder = stat.S_ISDIR(self.status.st_mode)
        if stat.S_ISREG(self.status.st_mode):
            self._open_for_reading()
        elif not self.is_folder:
            raise FileNotFoundError(errno.ENOENT, "Neither file nor folder", str(path))

    def _open_for_reading(self) -> None:
        handle = self._fd
        try:
            # Through /proc, to open the same file even if another one has replaced it.
            self._fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            error.filename = str(self.path)
            raise
        os.close(handle)

    def read(self, begin: int, size: int) -> bytes:
        """Read bytes of a file; the result is empty at its end.

        Args:
            begin: the offset.
            size: the maximum number of bytes.
        """
        return os.pread(self._fd, size, begin)

    def close(self) -> None:
        """Close it. Can be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # The thread that opened it may have been abandoned: then nothing else closes it.
        self.close()


def resolve(path: Path) -> Path:
    """Resolve all symbolic links of a path, and check that no other user can change it.

    Raises:
        OSError: it does not exist or cannot be read.
        SiteError: another user could change it.
    """
    return PathGuard(SiteError).check(path)


def open_beneath(root: Path, parts: Sequence[str]) -> OpenedPath | None:
    """Open a regular file or a folder of a site.

    Args:
        root: the folder of the site, without symbolic links in its path.
        parts: the parts of the path relative to it.

    Returns:
        None when it is hidden or outside of the site.

    Raises:
        OSError: it does not exist or cannot be read.
        SiteError: another user could change it.
    """
    path = resolve(root.joinpath(*parts))
    if not path.is_relative_to(root) or is_hidden(path.relative_to(root).parts):
        return None
    return OpenedPath(path)


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a part of a path begins with a dot."""
    return any(part.startswith(".") for part in parts)
