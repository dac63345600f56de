"""Moving the content of a folder to `_site`, as a whole, so that no file can be lost.

Two renames: NAME to .gaffer-moving.NAME/_site, then .gaffer-moving.NAME to NAME. If gafferd is
killed between them, its next start does the second.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__package__)

SITE = "_site"

_TEMPORARY = ".gaffer-moving."


def move_content(folder: Path, check: Callable[[], bool]) -> None:
    """Move the content of a folder, hidden files too, to `_site` in it.

    Args:
        folder: the folder.
        check: called under the lock; returns whether the content still has to be moved.

    Raises:
        OSError: it cannot be moved, and is where it was.
    """
    temporary = folder.with_name(_TEMPORARY + folder.name)
    with _lock(folder.parent):
        if not check():
            return
        mode = stat.S_IMODE(folder.stat().st_mode)
        # It may exist. If it is not empty, the rename below fails.
        temporary.mkdir(mode=0o700, exist_ok=True)
        try:
            temporary.chmod(mode)
            folder.rename(temporary / SITE)
        except OSError:
            _remove_empty(temporary)
            raise
        temporary.rename(folder)


def complete_moves(root: Path) -> None:
    """Complete the moves in a plugin folder that an earlier gafferd was killed in.

    A move that cannot be completed is logged, with the path of the files.

    Raises:
        OSError: the folder cannot be read.
    """
    for temporary in sorted(root.glob(f"{_TEMPORARY}*")):
        folder = temporary.with_name(temporary.name.removeprefix(_TEMPORARY))
        try:
            with _lock(root):
                if (temporary / SITE).is_dir():
                    temporary.rename(folder)
                else:
                    _remove_empty(temporary)
        except OSError as error:
            log.warning(
                "%s holds the files that were in %s and cannot be moved back: %s",
                temporary / SITE,
                folder,
                error.strerror,
            )


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    """Lock a plugin folder against moves by other gafferds.

    Raises:
        BlockingIOError: another gafferd holds the lock.
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass  # ENOTEMPTY or ENOTDIR: it contains files of the user, or is a file.
