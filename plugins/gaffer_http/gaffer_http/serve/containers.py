"""Detection of processes in a container, a sandbox or a user namespace.

A uid proves nothing across such a border: uid 0 of a container that shares the network of the host
is root to sock_diag, although its capabilities are gone. The kernel adds the cgroup that a socket
was created in; the processes of that cgroup show the rest in files of /proc that everybody may
read.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from gaffer_http.procfs import holds_socket
from gaffer_http.sock_diag import TcpSocket, sockets_on_port

K = TypeVar("K")
V = TypeVar("V")

MAX_PROCESSES = 256
"""Processes of a cgroup that are checked for one connection."""

REMEMBER_TIMEOUT = 1.0
"""Seconds for which a cgroup with only confined processes is not checked again."""

MAX_REMEMBERED = 256
"""Cgroups that are remembered."""

_PROC = Path("/proc")
_NO_SOCK_DIAG = (
    *(errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP),
    *(errno.ENOENT, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES),
)
_WHOLE_MAP = ["0", "0", "4294967295"]


@dataclass(frozen=True, slots=True)
class Confinement:
    """The namespaces and capabilities that separate a process from the rest of the system.

    Attributes:
        pid_namespaces: how deep it is in pid namespaces, counted from ours.
        user_namespace: its inode number; None if we may not see it.
        uid_map: of its user namespace, as seen from ours.
        capabilities: the capability bounding set, as a bit mask.
    """

    pid_namespaces: int
    user_namespace: int | None
    uid_map: tuple[str, ...]
    capabilities: int

    @classmethod
    def read(cls, process: Path) -> Confinement:
        """Read the confinement of a process.

        Args:
            process: its directory in /proc.

        Raises:
            OSError: it has exited, or we may not see it.
        """
        status = (process / "status").read_text(errors="replace")
        pids = re.search(r"^NSpid:(.*)$", status, re.MULTILINE)
        bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return cls(
            pid_namespaces=len(pids[1].split()) if pids else 1,
            user_namespace=_user_namespace(process),
            uid_map=tuple((process / "uid_map").read_text().split()),
            capabilities=int(bounding[1], 16) if bounding else 0,
        )

    def allows(self, other: Confinement, uid: int) -> bool:
        """Return whether a process with this uid counts as one of the same system as ours.

        Args:
            other: the confinement of that process; `self` is ours.
            uid: its user. Only root is expected to have the capabilities that we could have.
        """
        return (
            other.pid_namespaces <= self.pid_namespaces
            and other.user_namespace in (None, self.user_namespace)
            and other.uid_map == self.uid_map
            and (uid != 0 or not self.capabilities & ~other.capabilities)
        )


def _user_namespace(process: Path) -> int | None:
    try:
        return (process / "ns/user").stat().st_ino
    except PermissionError:
        return None


def is_unconfined(process: int | Path, uid: int) -> bool:
    """Return whether a process is in no container or user namespace other than ours."""
    path = _PROC / str(process) if isinstance(process, int) else process
    try:
        return Confinement.read(_PROC / "self").allows(Confinement.read(path), uid)
    except OSError:
        return False


def is_unconfined_socket(found: TcpSocket) -> bool:
    """Return whether a TCP socket was created in our cgroup, or belongs to an unconfined process.

    True if the kernel reports no cgroups, as before Linux 5.9.
    """
    ours = own_cgroup()
    if ours is None or found.cgroup == ours:
        return True
    return found.cgroup is not None and _cgroups().holds(found, found.cgroup)


def overflow_uid() -> int | None:
    """Return the uid of unmapped users in our user namespace; None if all users are mapped."""
    if (_PROC / "self/uid_map").read_text().split() == _WHOLE_MAP:
        return None
    return int((_PROC / "sys/kernel/overflowuid").read_text())


@cache
def own_cgroup() -> int | None:
    """Return the id of our cgroup, as sock_diag reports it; None if it reports none."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Older kernels do not report a socket that is only bound.
        probe.listen(1)
        inode = os.fstat(probe.fileno()).st_ino
        try:
            for each in sockets_on_port(socket.AF_INET, probe.getsockname()[1]):
                if each.inode == inode:
                    return each.cgroup
        except OSError as error:
            # Any other error may be temporary; the exception makes every peer untrusted meanwhile.
            if error.errno not in _NO_SOCK_DIAG:
                raise
    return None


@dataclass(frozen=True, slots=True)
class _Members:
    """The processes of a cgroup.

    Attributes:
        unconfined: those that are in no container.
        others: whether there may be confined ones.
    """

    unconfined: tuple[Path, ...]
    others: bool


class _Cgroups:
    """The cgroups of peers. Remembers briefly which ones have only confined processes."""

    def __init__(self) -> None:
        self._root = _cgroup_root()
        self._paths: dict[int, str] = {}
        self._refused: dict[tuple[int, int], float] = {}

    def holds(self, found: TcpSocket, cgroup: int) -> bool:
        """Return whether a socket belongs to an unconfined process of a cgroup."""
        key = cgroup, found.uid
        if self._refused.get(key, 0.0) > time.monotonic():
            return False
        members = self._look(cgroup, found.uid)
        if not members.unconfined:
            # Only this is remembered, so that a container cannot keep us busy with connections. A
            # cgroup with unconfined processes may get a confined one at any moment.
            _remember(self._refused, key, time.monotonic() + REMEMBER_TIMEOUT)
        if not members.others:
            return bool(members.unconfined)
        # The socket could belong to one of the others. Their open files are not searched: a
        # container could have thousands of them.
        return any(holds_socket(each, found.inode) for each in members.unconfined)

    def _look(self, cgroup: int, uid: int) -> _Members:
        path = self._path(cgroup)
        try:
            pids = Path(path, "cgroup.procs").read_text().split() if path else []
        except OSError:
            pids = []
        processes = [_PROC / pid for pid in pids[:MAX_PROCESSES]]
        unconfined = tuple(each for each in processes if is_unconfined(each, uid))
        return _Members(unconfined, len(unconfined) < len(pids))

    def _path(self, cgroup: int) -> str | None:
        path = self._paths.get(cgroup)
        if path is None or not _is_cgroup(path, cgroup):
            path = next(self._search(cgroup), None)
            if path is not None:
                _remember(self._paths, cgroup, path)
        return path

    def _search(self, cgroup: int) -> Iterator[str]:
        """Walk the cgroup tree: the id of a cgroup is the inode number of its directory."""
        if self._root is None:
            return
        if _is_cgroup(self._root, cgroup):
            yield self._root
        waiting = [self._root]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if entry.inode() == cgroup:
                                yield entry.path
                            waiting.append(entry.path)
            except OSError:
                # The cgroup has been removed meanwhile (ENOENT).
                continue


@cache
def _cgroups() -> _Cgroups:
    return _Cgroups()


def _cgroup_root() -> str | None:
    """Return where the cgroup v2 hierarchy is mounted."""
    for line in (_PROC / "self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return mount.split()[4]
    return None


def _is_cgroup(path: str, cgroup: int) -> bool:
    try:
        return os.stat(path).st_ino == cgroup
    except OSError:
        return False


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]
