"""Finds the holders of a flock(2) lock in /proc/locks (proc_locks(5))."""

from __future__ import annotations

import os
from pathlib import Path


def lock_holders(fd: int) -> frozenset[int] | None:
    """Return the users whose processes have locked a file; None if /proc/locks has no line for it.

    Empty if all of them have exited and a child holds the lock. In that case, and if the process is
    in another PID namespace, /proc/locks has no line, except in the initial PID namespace: there
    the line has the pid of the process that has exited.

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
    """Return the real user of a process; None if it has exited."""
    # Not the owner of /proc/PID: that is root if the process is not dumpable, see prctl(2).
    try:
        lines = Path("/proc", pid, "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))
