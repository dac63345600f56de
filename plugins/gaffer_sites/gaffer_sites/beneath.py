"""Opening a file of a site: never one outside of it, and none that somebody else could change.

A page of a site has the origin of the API, and so may do whatever its reader may. That makes it
code, held to the rules for the code of plugins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from gaffer_kernel.plugins.guard import Guard


class Refused(Exception):
    """Something of a site is not used; the text says what, why and what to do."""


class Opened:
    """A file or folder that has been found, held until it is closed.

    Args:
        place: where it is, free of symbolic links.

    Attributes:
        place: the same.
        status: what the system tells of it.
    """

    def __init__(self, place: Path) -> None:
        # So that nothing is read, waited for or set off, whatever kind of file it is.
        self._fd = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.place = place
        self.status = os.fstat(self._fd)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder; else it is a regular file."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def path(self) -> str:
        """What to open for reading: this file, even if another one has taken its place."""
        return f"/proc/self/fd/{self._fd}"

    def close(self) -> None:
        """Let go of it. May be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # Nobody else may know of it: who had a thread look for it was cancelled meanwhile.
        if hasattr(self, "_fd"):
            self.close()


def real(path: Path) -> Path:
    """Where a path leads, free of symbolic links.

    Raises:
        OSError: there is no such path, or it may not be read.
        Refused: somebody else could change it.
    """
    return Guard(Refused).check(path)


def open_beneath(root: Path, parts: Sequence[str]) -> Opened | None:
    """Open a regular file or a folder of a site.

    Args:
        root: the folder of the site, free of symbolic links.
        parts: the names that lead there from it.

    Returns:
        None when it is hidden, neither file nor folder, or outside of the site.

    Raises:
        OSError: there is no such file.
        Refused: somebody else could change it.
    """
    place = real(root.joinpath(*parts))
    if not place.is_relative_to(root) or is_hidden(place.relative_to(root).parts):
        return None
    opened = Opened(place)
    if opened.is_folder or stat.S_ISREG(opened.status.st_mode):
        return opened
    opened.close()
    return None


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a path leads through a name that begins with a dot."""
    return any(part.startswith(".") for part in parts)
