"""The part of cgroup v2 that belongs to gafferd: found, checked, and prepared for jobs.

In cgroup v2 a group that hands controllers to groups below it holds no processes itself, unless it
is the root. So gafferd first moves to a group below its own, then hands on the controllers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MOUNTS = Path("/proc/self/mountinfo")
OWN_GROUP = Path("/proc/self/cgroup")
LEAF = "gafferd"
"""The group below our own that gafferd moves to."""
JOBS = "gaffer-jobs-"
"""The beginning of the name of the group with the groups of jobs; the pid of gafferd follows."""


class Mount(NamedTuple):
    """A mounted cgroup v2: where, and which of its groups is at that place."""

    folder: str
    root: str


def find_own() -> Path | None:
    """Return the folder of the group that gafferd was started in; None without cgroup v2."""
    mount = _find_mount()
    path = _find_path()
    if mount is None or path is None:
        return None
    inside = os.path.relpath(path, mount.root)
    own = (
        Path(mount.folder)
        if inside == "." or inside.startswith("..")
        else (Path(mount.folder, inside))
    )
    # After we have moved there.
    return own.parent if own.name == LEAF else own


def _find_mount() -> Mount | None:
    for line in _read_lines(MOUNTS):
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            root, folder = fields.split()[3:5]
            return Mount(_unescape(folder), _unescape(root))
    return None


def _unescape(path: str) -> str:
    """Decode \\040 and the like, which mountinfo has in place of white space."""
    return path.encode("latin-1", "backslashreplace").decode("unicode_escape")


def _find_path() -> str | None:
    return next(
        (line.removeprefix("0::") for line in _read_lines(OWN_GROUP) if line.startswith("0::")),
        None,
    )


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def find_problem(controller: str | None) -> str | None:
    """Return why a group with this controller cannot be made, for people; None if it can.

    Args:
        controller: `memory`, `cpu` or `pids`; None for a group without limits.
    """
    own = find_own()
    if own is None:
        return (
            "needs cgroup v2, which is not mounted here: mount it, or start Linux with"
            " systemd.unified_cgroup_hierarchy=1"
        )
    available = " ".join(_read_lines(own / "cgroup.controllers")).split()
    if controller is not None and controller not in available:
        return (
            f"needs the controller {controller}, which the control group {own} does not have:"
            " start gafferd with Delegate=yes, and without cgroup v1"
        )
    files = ["cgroup.procs", *(["cgroup.subtree_control"] if controller else [])]
    if not all(os.access(path, os.W_OK) for path in (own, *(own / name for name in files))):
        return (
            f"needs write permission for the control group {own}: run gafferd as root, or start it"
            " with Delegate=yes"
        )
    return None


class HierarchyError(Exception):
    """The groups of jobs cannot be prepared; the text is for people."""


class Hierarchy:
    """The group with the groups of jobs, below that of gafferd.

    Args:
        own: the group that gafferd was started in.
    """

    def __init__(self, own: Path) -> None:
        self._own = own
        self._jobs = own / f"{JOBS}{os.getpid()}"
        self._enabled: set[str] = set()
        self._count = 0

    def new_path(self, name: str, controllers: Iterable[str]) -> str:
        """Return the path for a new group, whose parent hands on these controllers.

        Raises:
            HierarchyError: the parent cannot be prepared.
        """
        try:
            self._jobs.mkdir(exist_ok=True)
            missing = [each for each in controllers if each not in self._enabled]
            if missing:
                self._enable(missing)
        except OSError as error:
            raise HierarchyError(f"{error.filename}: {error.strerror}") from None
        self._count += 1
        return str(self._jobs / f"{name}.{self._count}")

    def _enable(self, controllers: list[str]) -> None:
        wanted = " ".join(f"+{each}" for each in controllers)
        try:
            _write(self._own / "cgroup.subtree_control", wanted)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            self._move_away()
            _write(self._own / "cgroup.subtree_control", wanted)
        _write(self._jobs / "cgroup.subtree_control", wanted)
        self._enabled.update(controllers)

    def _move_away(self) -> None:
        """Move gafferd and what it has started into a group of their own."""
        leaf = self._own / LEAF
        leaf.mkdir(exist_ok=True)
        while pids := _read_lines(self._own / "cgroup.procs"):
            ours = _descendants(os.getpid())
            for pid in pids:
                if int(pid) not in ours:
                    raise HierarchyError(
                        f"the control group {self._own} also holds os pid {pid}, which gafferd has"
                        " not started: start gafferd in a group of its own, with Delegate=yes"
                    )
                # ESRCH: it has exited.
                with suppress(ProcessLookupError):
                    _write(leaf / "cgroup.procs", pid)

    def close(self) -> None:
        """Remove the groups of jobs that are empty, those of killed gafferds too."""
        for folder in self._own.glob(f"{JOBS}*"):
            pid = folder.name.removeprefix(JOBS)
            if pid != str(os.getpid()) and Path(f"/proc/{pid}").exists():
                continue
            for path, _, _ in os.walk(folder, topdown=False):
                # EBUSY: a detached process is in it.
                with suppress(OSError):
                    os.rmdir(path)


def _write(path: Path, text: str) -> None:
    # No O_CREAT: a file that the system does not offer must not be made.
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def _descendants(pid: int) -> set[int]:
    found = {pid}
    for each in os.listdir("/proc"):
        chain = []
        current = int(each) if each.isdigit() else 0
        while current > 1 and current not in found and current not in chain:
            chain.append(current)
            current = _get_parent(current)
        if current in found:
            found.update(chain)
    return found


def _get_parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
