"""Who has locked a file with flock(2), from /proc/locks (proc_locks(5))."""

from __future__ import annotations

import os
from pathlib import Path


def lock_holders(fd: int) -> frozenset[int] | None:
    """The users whose processes have locked a file; None if /proc/locks names no process.

    Empty if all of them have ended and left the lock to a child. Then, and if the process is in
    another PID namespace, /proc/locks has no line, except in the initial PID namespace: there it
    has the pid of the one that has ended.

    Args:
        fd: a descriptor of the file.
    """
    holders = []
    found = os.fstat(fd)
    inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 7570 fe:00:2148557 0 EOF
            words = line.split()
            if words[1] == "FLOCK" and words[5] == inode:
                holders.append(_real_uid(words[4]))
    except (OSError, IndexError, ValueError, StopIteration):
        return None
    return frozenset(uid for uid in holders if uid is not None) if holders else None


def _real_uid(pid: str) -> int | None:
    """The real user of a process; None if it has ended."""
    # Not the owner of /proc/PID: that is root as soon as a process makes itself undumpable.
    try:
        lines = Path("/proc", pid, "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))
