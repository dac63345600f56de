"""Refusing code that somebody else could have written: gafferd runs plugins with its own rights."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

MOST_LINKS = 40
"""Symbolic links followed in one path, as many as Linux follows."""


class Guard:
    """Checks paths; what it has found safe it does not look at twice.

    Args:
        refuse: makes the exception to raise from a reason.
    """

    def __init__(self, refuse: Callable[[str], Exception]) -> None:
        self._refuse = refuse
        self._owners = {0, os.geteuid()}
        self._safe: set[Path] = set()

    def check(self, path: Path) -> Path:
        """Follow a path part by part; return where it leads, free of symbolic links.

        Each folder, link and file on the way has to be ours or root's, and not writable by group or
        others; a folder above the last part may be, if it is sticky like /tmp.

        Raises:
            OSError: there is no such path, or it may not be read.
            Exception: from `refuse`, with what to do.
        """
        parts = list(reversed((Path.cwd() / path).parts[1:]))
        place = Path("/")
        links = 0
        self._look(place, above=bool(parts))
        while parts:
            part = parts.pop()
            step = place.parent if part == ".." else place / part
            if not self._look(step, above=bool(parts)):
                place = step
                continue
            links += 1
            if links > MOST_LINKS:
                raise self._refuse(f"{path} leads through more than {MOST_LINKS} symbolic links")
            target = step.readlink()
            place = Path("/") if target.is_absolute() else place
            parts += reversed([part for part in target.parts if part != "/"])
        return place

    def check_tree(self, folder: Path, leave_out: str) -> None:
        """Check a folder and all that is below it, but nothing hidden or called `leave_out`.

        Raises as `check`.
        """
        place = self.check(folder)
        if place in self._safe or not place.is_dir():
            return
        self._safe.add(place)
        for entry in place.iterdir():
            if entry.name != leave_out and not entry.name.startswith("."):
                self.check_tree(entry, leave_out)

    def _look(self, path: Path, *, above: bool) -> bool:
        """Refuse one part of a path, or tell whether it is a symbolic link."""
        found = path.lstat()
        if found.st_uid not in self._owners:
            raise self._refuse(
                f"{path} belongs to user {found.st_uid}, who could change what gafferd runs:"
                " chown it to the user of gafferd"
            )
        if stat.S_ISLNK(found.st_mode):  # its mode means nothing; where it leads is looked at next
            return True
        sticky = above and found.st_mode & stat.S_ISVTX
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            raise self._refuse(
                f"{path} is writable by other users, who could change what gafferd runs:"
                f" chmod go-w {path}"
            )
        return False
