"""Who our children are: read from /proc."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

MARK = "GAFFER_SPAWN"
"""The variable in the environment of every child that tells whose it is."""
TICKS = os.sysconf("SC_CLK_TCK")
"""How many of the system's ticks are a second."""


class Identity(NamedTuple):
    """What can be told of a process.

    `mark` is empty when its environment has none, and None when that could not be read. `changing`
    says that it has not even arguments: it is in the middle of becoming another program, which
    on a busy machine takes as long as it takes, or has ended. `born` is in ticks, as `ticks` is.
    """

    group: int
    session: int
    born: int
    zombie: bool
    mark: str | None
    changing: bool


def children() -> set[int]:
    """The os pids of all children of this process, whoever started them."""
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:
            # The thread has ended, or the kernel was built without these lists.
            continue
    return found


def identify(pid: int) -> Identity | None:
    """Look at a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in brackets, may hold anything, brackets too.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    group, session, born = int(fields[2]), int(fields[3]), int(fields[19])
    mark = _mark(pid)
    changing = mark is None and _changing(pid)
    return Identity(group, session, born, fields[0] in (b"Z", b"X"), mark, changing)


def ticks() -> int:
    """The time since the start of the machine, as /proc tells when a process was born."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


def _mark(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read()
    except OSError:
        return None
    if not environ:
        return None
    start = f"{MARK}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(start):
            return entry[len(start) :].decode(errors="replace")
    return ""


def _changing(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return not file.read(1)
    except OSError:
        return True
