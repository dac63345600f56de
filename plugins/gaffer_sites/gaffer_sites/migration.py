"""Moving the content of a folder under `_site`: as a whole, so that no file can be lost.

NAME is renamed to .gaffer-moving.NAME/_site, then .gaffer-moving.NAME to NAME. Whatever ends
gafferd between the two, the next one finds it and does the second.
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

_ASIDE = ".gaffer-moving."


def move_under(folder: Path, wanted: Callable[[], bool]) -> None:
    """Move the content of a folder to `_site` in it.

    Args:
        folder: with any content, hidden files too.
        wanted: asked once no other gafferd is at it.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    aside = folder.with_name(_ASIDE + folder.name)
    with _alone(folder.parent):
        if not wanted():
            return
        mode = stat.S_IMODE(folder.stat().st_mode)
        # One that is there is empty, or nothing can be renamed into it.
        aside.mkdir(mode=0o700, exist_ok=True)
        try:
            aside.chmod(mode)
            folder.rename(aside / SITE)
        except OSError:
            _remove_empty(aside)
            raise
        aside.rename(folder)


def complete(root: Path) -> None:
    """Do what was left to do in a folder of plugins, if an earlier gafferd was ended in between.

    What cannot be done is said in the log, with the place where the files are.

    Raises:
        OSError: the folder cannot be read.
    """
    for aside in sorted(root.glob(f"{_ASIDE}*")):
        folder = aside.with_name(aside.name.removeprefix(_ASIDE))
        try:
            with _alone(root):
                if (aside / SITE).is_dir():
                    aside.rename(folder)
                else:
                    _remove_empty(aside)
        except OSError as error:
            log.warning(
                "%s holds the files that were in %s and cannot be moved back: %s",
                aside / SITE,
                folder,
                error.strerror,
            )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other gafferds from moving anything in a folder of plugins.

    Raises:
        OSError: one of them is at it.
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _remove_empty(aside: Path) -> None:
    try:
        aside.rmdir()
    except OSError:
        pass  # It is not ours to remove: not empty, or no folder.
