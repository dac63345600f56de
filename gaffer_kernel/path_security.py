"""PathGuard: refuses files that other users can write, because gafferd runs their content."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

MAX_LINKS = 40
"""Symbolic links followed in one path, as in Linux, path_resolution(7)."""
NULL_DEVICE = os.makedev(1, 3)
"""The device number of /dev/null."""
ACL = "system.posix_acl_access"
"""The attribute with the access control list of a file, acl(5)."""


class PathGuard:
    """Checks paths. A folder that is safe is checked once.

    Args:
        refuse: makes the exception to raise of a reason.
    """

    def __init__(self, refuse: Callable[[str], Exception]) -> None:
        self._refuse = refuse
        self._owners = {0, os.geteuid()}
        self._safe: set[Path] = set()
        self._private: dict[tuple[int, int], bool] = {}

    def check(self, path: Path, *, tree: bool = False) -> Path:
        """Resolve a path part by part, checking each part; return it without symbolic links.

        Each folder, link and file must belong to our user or root, and must not be writable by
        others, except a folder above the last part that is sticky, as /tmp is. A group may have
        write permission if no other user is in it.

        Args:
            path: relative to the working directory, or absolute.
            tree: the caller also checks the content, so the remedy includes it (chmod -R).

        Raises:
            OSError: there is no such path, or no permission to read it.
            Exception: from `refuse`, with the remedy.
        """
        parts = list(reversed((Path.cwd() / path).parts[1:]))
        place = Path("/")
        links = 0
        self._check_part(place, above=bool(parts), tree=tree)
        while parts:
            part = parts.pop()
            step = place.parent if part == ".." else place / part
            if not self._check_part(step, above=bool(parts), tree=tree):
                place = step
                continue
            links += 1
            if links > MAX_LINKS:
                raise self._refuse(f"{path} leads through more than {MAX_LINKS} symbolic links")
            target = step.readlink()
            place = Path("/") if target.is_absolute() else place
            parts += reversed([part for part in target.parts if part != "/"])
        return place

    def check_tree(self, folder: Path, exclude: str) -> None:
        """Check a folder and its content, except hidden entries and those called `exclude`.

        Raises as `check`.
        """
        place = self.check(folder, tree=True)
        if place in self._safe or not place.is_dir():
            return
        self._safe.add(place)
        for entry in place.iterdir():
            if entry.name != exclude and not entry.name.startswith("."):
                self.check_tree(entry, exclude)

    def _check_part(self, path: Path, *, above: bool, tree: bool) -> bool:
        """Refuse one part of a path, or return whether it is a symbolic link."""
        found = path.lstat()
        if found.st_uid not in self._owners:
            raise self._refuse(
                f"{path} belongs to user {found.st_uid}, who could change what gafferd runs:"
                " chown it to the user of gafferd"
            )
        if stat.S_ISLNK(found.st_mode):  # its mode has no meaning; its target is checked next
            return True
        if _is_null_device(found):
            return False
        sticky = above and found.st_mode & stat.S_ISVTX
        chmod = "chmod -R" if tree and not above and stat.S_ISDIR(found.st_mode) else "chmod"
        if found.st_mode & stat.S_IWOTH and not sticky:
            raise self._writable_error(path, "other users", f"{chmod} go-w {path}")
        if found.st_mode & stat.S_IWGRP and not sticky:
            self._check_group(path, found, chmod)
        return False

    def _check_group(self, path: Path, found: os.stat_result, chmod: str) -> None:
        """Refuse a path that its group can write, unless the group is private."""
        if _has_acl(path):  # the group bits are the mask of all entries, acl(5)
            raise self._writable_error(path, "other users, by its ACL", f"setfacl -b {path}")
        key = found.st_gid, found.st_uid
        if key not in self._private:
            self._private[key] = _is_private(*key, self._owners)
        if not self._private[key]:
            users = f"other users, of group {_group_name(found.st_gid)}"
            raise self._writable_error(path, users, f"{chmod} g-w {path}")

    def _writable_error(self, path: Path, users: str, remedy: str) -> Exception:
        return self._refuse(
            f"{path} is writable by {users}, who could change what gafferd runs: {remedy}"
        )


def _is_null_device(found: os.stat_result) -> bool:
    """Whether a file is /dev/null, null(4): all users can write to it, but it stays empty."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == NULL_DEVICE


def _is_private(gid: int, owner: int, trusted: set[int]) -> bool:
    """Whether only trusted users are in a group.

    A group with the name of the owner is private unless other members are listed. The groups of
    all users are compared for other names only: a directory service may list no users.
    """
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return False  # Its members are not known.
    if any(_uid(name) not in trusted for name in group.gr_mem):
        return False
    if _uid(group.gr_name) == owner:
        return True
    return all(user.pw_uid in trusted for user in pwd.getpwall() if user.pw_gid == gid)


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _has_acl(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, ACL))
    except OSError as error:
        # ENOTSUP: the file system has no ACLs.
        return error.errno not in (errno.ENODATA, errno.ENOTSUP)
