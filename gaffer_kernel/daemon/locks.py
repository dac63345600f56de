"""Who holds a file locked with flock(2), from /proc/locks (proc_locks(5))."""

from __future__ import annotations

import os
from pathlib import Path


def lock_holders(fd: int) -> set[int]:
    """The users whose processes hold a file locked; empty if any of them cannot be identified.

    A holder in another PID namespace, or one that has ended and left the lock to a child, has no
    line in /proc/locks.

    Args:
        fd: a descriptor of the file.
    """
    uids = set()
    found = os.fstat(fd)
    inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 7570 fe:00:2148557 0 EOF; "->" marks one that waits.
            words = line.split()
            if words[1] == "FLOCK" and words[5] == inode:
                uids.add(_real_uid(words[4]))
    except (OSError, IndexError, ValueError):
        return set()
    return uids


def _real_uid(pid: str) -> int:
    # Not the owner of /proc/PID: that is root as soon as a process makes itself undumpable.
    for line in Path("/proc", pid, "status").read_text().splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    raise ValueError(pid)
