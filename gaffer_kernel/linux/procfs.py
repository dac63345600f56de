"""Our children and other processes, read from /proc."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import NamedTuple

from gaffer_kernel.errors import shown
from gaffer_kernel.linux.shortage import is_shortage

MARK = "GAFFER_SPAWN"
"""The variable in the environment of every child that says which spawn it belongs to.

Below a gafferd that is a job of another one, it lists a mark of each, the outer one first.
"""
MAX_COMMAND = 200
"""Bytes of a command line in a log line."""
TICKS = os.sysconf("SC_CLK_TCK")
"""Ticks in a second."""


class ProcessIdentity(NamedTuple):
    """The state of a process in /proc.

    Attributes:
        group, session: its process group and session.
        start_ticks: when it was born, as in `current_ticks`.
        is_zombie: whether it has exited.
        marks: the value of MARK; empty if its environment has none, None if that is unreadable.
        is_in_exec: whether even its arguments are empty. It is inside execve(2), which takes as
            long as it takes on a busy machine, or it has exited.
    """

    group: int
    session: int
    start_ticks: int
    is_zombie: bool
    marks: str | None
    is_in_exec: bool

    def find_mark(self, prefix: str) -> str | None:
        """Return its mark that begins with this prefix; None if it has no such mark."""
        marks = (self.marks or "").split()
        return next((mark for mark in marks if mark.startswith(prefix)), None)


def list_children() -> set[int]:
    """Return the os pids of all children of this program, spawned by the kernel or not."""
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:
            # The thread has ended, or the kernel was built without CONFIG_PROC_CHILDREN.
            continue
    return found


def identify(pid: int) -> ProcessIdentity | None:
    """Read what /proc says of a process; None if it is gone.

    Raises:
        OSError: no descriptor or memory is left; see `is_shortage`.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in brackets, can contain any character, brackets too.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    group, session, start_ticks = int(fields[2]), int(fields[3]), int(fields[19])
    marks = _read_marks(pid)
    is_in_exec = marks is None and not _has_arguments(pid)
    is_zombie = fields[0] in (b"Z", b"X")
    return ProcessIdentity(group, session, start_ticks, is_zombie, marks, is_in_exec)


def describe_command(pid: int) -> str:
    """Return the command line of a process for a log line; its short name if it has none."""
    for name in ("cmdline", "comm"):
        with suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
            words = file.read(MAX_COMMAND).replace(b"\0", b" ").decode(errors="replace").strip()
            if words:
                return shown(words)
    return "?"


def current_ticks() -> int:
    """Return the ticks since the boot, the unit in which /proc gives the birth of a process."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


def read_environ(pid: int) -> dict[str, str]:
    """Return the environment with which a process was started; empty if it is unreadable.

    Raises:
        OSError: no descriptor or memory is left; see `is_shortage`.
    """
    entries = (_read_environ(pid) or b"").decode(errors="replace").split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _read_marks(pid: int) -> str | None:
    environ = _read_environ(pid)
    if environ is None:
        return None
    start = f"{MARK}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(start):
            return entry[len(start) :].decode(errors="replace")
    return ""


def _read_environ(pid: int) -> bytes | None:
    """Return the environment of a process; None if it is unreadable or empty."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read() or None
    except OSError as error:
        if is_shortage(error):
            raise
        return None


def _has_arguments(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return bool(file.read(1))
    except OSError as error:
        if is_shortage(error):
            raise
        return False
