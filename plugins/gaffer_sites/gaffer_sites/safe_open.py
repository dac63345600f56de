"""Opening a file of a site: never one outside of it, and none that somebody else could change.

A page of a site has the origin of the API, and so may do whatever its reader may. That makes it
code, held to the rules for the code of plugins.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from gaffer_kernel.plugin import PathGuard


class Refused(Exception):
    """Something of a site is not used; the text says what, why and what to do."""


class Opened:
    """A regular file or a folder that has been found, held until it is closed.

    Args:
        place: where it is, free of symbolic links.

    Raises:
        OSError: it is not there, may not be read, or is of another kind.

    Attributes:
        place: the same.
        status: what the system tells of it.
        is_folder: whether it is a folder; else it is a file.
    """

    def __init__(self, place: Path) -> None:
        self._fd = -1
        # At first only a handle: opening a device or a FIFO could wait, or set something off.
        self._fd = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.place = place
        self.status = os.fstat(self._fd)
        self.is_folder = stat.S_ISDIR(self.status.st_mode)
        if stat.S_ISREG(self.status.st_mode):
            self._make_readable()
        elif not self.is_folder:
            raise FileNotFoundError(errno.ENOENT, "Neither file nor folder", str(place))

    def _make_readable(self) -> None:
        handle = self._fd
        try:
            # The very file that was looked at, even if another one has taken its place.
            self._fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            error.filename = str(self.place)
            raise
        os.close(handle)

    def read(self, begin: int, size: int) -> bytes:
        """Some bytes of a file; none at its end.

        Args:
            begin: number of bytes before them.
            size: how many at most.
        """
        return os.pread(self._fd, size, begin)

    def close(self) -> None:
        """Let go of it. May be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # Nobody else may know of it: who had a thread look for it was cancelled meanwhile.
        self.close()


def real(path: Path) -> Path:
    """Where a path leads, free of symbolic links.

    Raises:
        OSError: there is no such path, or it may not be read.
        Refused: somebody else could change it.
    """
    return PathGuard(Refused).check(path)


def open_beneath(root: Path, parts: Sequence[str]) -> Opened | None:
    """Open a regular file or a folder of a site.

    Args:
        root: the folder of the site, free of symbolic links.
        parts: the names that lead there from it.

    Returns:
        None when it is hidden, or outside of the site.

    Raises:
        OSError: there is no such file, or it may not be read.
        Refused: somebody else could change it.
    """
    place = real(root.joinpath(*parts))
    if not place.is_relative_to(root) or is_hidden(place.relative_to(root).parts):
        return None
    return Opened(place)


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a path leads through a name that begins with a dot."""
    return any(part.startswith(".") for part in parts)
