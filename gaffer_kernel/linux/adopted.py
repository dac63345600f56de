"""What children left behind and we inherited: found, attributed, ended, reaped.

A process that forks twice and calls setsid leaves both its parent and its group. As a child
subreaper we become its parent; the mark in its environment, or its group, says whose it was.
Nothing is polled: the list of our children is read when one of them ends or is to be ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Container
from math import inf

import trio

from gaffer_kernel.linux.poller import Poller

MARK = "GAFFER_SPAWN"
"""The variable in the environment of every child that tells whose it is."""
DETACHED = ":detached"
"""The end of the mark of a process that outlives us, and so of what it starts."""
SHARE = 0.1
"""The part of the time that may be spent looking at our children."""
PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Ask the system to make orphans of our children ours; whether it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Member:
    """An inherited process that belongs to one of our children's groups or carries its mark."""

    def __init__(self, os_pid: int, pidfd: int, group: int, mark: str) -> None:
        self.os_pid = os_pid
        self.pidfd = pidfd
        self.group = group
        self.mark = mark
        self.waiters: list[Callable[[], None]] = []

    def signal(self, signum: int) -> None:
        """Send a signal to it, and to its group when it leads one; nothing happens when it is gone.

        It has not been reaped yet, so neither number can have become a stranger's.
        """
        try:
            if self.group == self.os_pid:
                os.killpg(self.group, signum)
            else:
                os.kill(self.os_pid, signum)
        except (ProcessLookupError, PermissionError):
            # Gone, or another user's by now: not ours to end.
            pass

    def when_gone(self, function: Callable[[], None]) -> None:
        """Call a function once it has been reaped."""
        if function not in self.waiters:
            self.waiters.append(function)


class Adopted:
    """The inherited processes. Without `enabled` there are none: somebody else inherits them.

    Looking costs a millisecond with a thousand children, so looks take SHARE of the time at most:
    who needs one soon after another waits a little, and those who wait share the next.
    """

    def __init__(self, poller: Poller, instance: str, known: Container[int]) -> None:
        self.enabled = False
        self._poller = poller
        self._prefix = f"{instance}:"
        self._known = known
        self._members: dict[int, Member] = {}
        self._strangers: set[int] = set()
        self._rest_until = -inf
        self._waiting: dict[Callable[[], None], None] = {}

    def left_by(self, group: int, mark: str) -> list[Member]:
        """What a process with this group and mark has left behind, as far as the last look saw."""
        return [m for m in self._members.values() if m.group == group or m.mark == mark]

    def when_looked(self, function: Callable[[], None]) -> None:
        """Call a function after the next look: at once if it is not too soon for one."""
        if not self.enabled:
            function()
            return
        first = not self._waiting
        self._waiting[function] = None
        if trio.current_time() >= self._rest_until:
            self._look()
        elif first:
            self._poller.call_at(self._rest_until, self._look)

    def _look(self) -> None:
        """Find who has become our child without our doing, and tell those who wait for it."""
        began = trio.current_time()
        children = _children()
        self._strangers &= children
        for pid in children:
            if not (pid in self._known or pid in self._members or pid in self._strangers):
                self._meet(pid)
        ended = trio.current_time()
        self._rest_until = ended + (ended - began) / SHARE
        waiting, self._waiting = self._waiting, {}
        for function in waiting:
            function()

    def close(self) -> None:
        """Kill everything inherited, but for what detached processes left, and look no more."""
        if self.enabled:
            self._look()
        self.enabled = False
        for member in self._members.values():
            if not member.mark.endswith(DETACHED):
                member.signal(signal.SIGKILL)
            self._unwatch(member)
        self._members.clear()

    def _meet(self, pid: int) -> None:
        try:
            group = os.getpgid(pid)
        except ProcessLookupError:
            return
        mark = _mark_of(pid)
        if not mark.startswith(self._prefix) and group not in self._known:
            # A child of the program around us, which waits for it itself.
            self._strangers.add(pid)
            return
        member = Member(pid, os.pidfd_open(pid), group, mark)
        self._members[pid] = member
        self._poller.add(member.pidfd, lambda: self._reap(member))

    def _unwatch(self, member: Member) -> None:
        self._poller.remove(member.pidfd)
        os.close(member.pidfd)

    def _reap(self, member: Member) -> int:
        self._unwatch(member)
        del self._members[member.os_pid]
        os.waitpid(member.os_pid, 0)
        for function in member.waiters:
            function()
        return 0


def _children() -> set[int]:
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:
            # The thread has ended, or the kernel was built without these lists.
            continue
    return found


def _mark_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read()
    except OSError:
        return ""
    start = f"{MARK}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(start):
            return entry[len(start) :].decode(errors="replace")
    return ""
