"""What children left behind and we inherited: found, attributed, ended, reaped.

A process that forks twice and calls setsid leaves both its parent and its group. As a child
subreaper we become its parent; the mark in its environment, or its group, says whose it was.
Nothing is polled: the list of our children is read when one of them ends or is to be ended.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Callable, Mapping
from math import inf
from typing import Protocol

import trio

from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.linux.procfs import Identity, children, identify

log = logging.getLogger(__name__)

DETACHED = ":detached"
"""The end of the mark of a process that outlives us, and so of what it starts."""
SHARE = 0.1
"""The part of the time that may be spent looking at our children."""
EXEC = 0.1
"""Seconds within which a process that becomes another program, and has arguments again, also has an
environment again."""
MAX_EXEC = 5.0
"""Seconds after which a process that has no arguments is believed to have none."""
UNCLAIMED = 2.0
"""Seconds after which a dead child that nobody can be told of is reaped here."""
PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Ask the system to make orphans of our children ours; whether it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Member:
    """An inherited process that belongs to one of our children's groups or carries its mark."""

    def __init__(self, os_pid: int, pidfd: int, born: int, mark: str) -> None:
        self.os_pid = os_pid
        self.pidfd = pidfd
        self.born = born
        self.mark = mark
        self.waiters: list[Callable[[], None]] = []

    @property
    def group(self) -> int:
        """Its group at this moment: it may lead one of its own since it was adopted.

        0 if the program around us has reaped it.
        """
        try:
            return os.getpgid(self.os_pid)
        except ProcessLookupError:
            return 0

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


class Marked(Protocol):
    """A child of ours, by its os pid."""

    @property
    def mark(self) -> str:
        """What its environment says."""


class Adopted:
    """The inherited processes. Without `enabled` there are none: somebody else inherits them.

    Looking costs a millisecond with a thousand children, so looks take SHARE of the time at most:
    who needs one soon after another waits a little, and those who wait share the next.
    """

    def __init__(self, poller: Poller, instance: str, known: Mapping[int, Marked]) -> None:
        self.enabled = False
        self._poller = poller
        self._prefix = f"{instance}:"
        self._known = known
        self._session = os.getsid(0)
        self._members: dict[int, Member] = {}
        self._sessions: dict[int, str] = {}
        self._strangers: set[int] = set()
        self._undecided: dict[int, float] = {}
        self._rest_until = -inf
        self._again = inf
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

    def forget(self, mark: str) -> None:
        """The process with this mark has ended, with all that it left behind."""
        self._sessions = {
            number: whose for number, whose in self._sessions.items() if whose != mark
        }

    def _look(self) -> None:
        """Find who has become our child without our doing, and tell those who wait for it."""
        began = trio.current_time()
        ours = children()
        self._strangers = {pid for pid in self._strangers & ours if not self._is_nobodys(pid)}
        self._undecided = {pid: since for pid, since in self._undecided.items() if pid in ours}
        for pid in ours:
            if not (pid in self._known or pid in self._members or pid in self._strangers):
                self._meet(pid, began)
        ended = trio.current_time()
        self._rest_until = ended + (ended - began) / SHARE
        newest = max(self._undecided.values(), default=-inf)
        if ended - newest >= EXEC:
            waiting, self._waiting = self._waiting, {}
            for function in waiting:
                function()
        if self._undecided:
            self._look_again(ended + min(max(ended - newest, EXEC / 4), 1.0))

    def _look_again(self, when: float) -> None:
        if when < self._again:
            self._again = when
            self._poller.call_at(when, self._look_now)

    def _look_now(self) -> None:
        self._again = inf
        if self.enabled:
            self._look()

    def _meet(self, pid: int, now: float) -> None:
        who = identify(pid)
        if who is None:
            return
        mark = self._whose(who)
        if mark is not None:
            self._undecided.pop(pid, None)
            self._adopt(pid, who, mark)
            return
        since = self._undecided.setdefault(pid, now)
        if who.zombie and who.session != self._session:
            # Whoever has started a process of its own does not let it lie for so long.
            if now - since > UNCLAIMED:
                os.waitpid(pid, os.WNOHANG)
        elif (
            who.session == self._session
            or who.mark is not None
            or now - since > (MAX_EXEC if who.changing else EXEC)
        ):
            # A child of the program around us, or one that has shed its mark: it cannot be told.
            del self._undecided[pid]
            self._strangers.add(pid)

    def _is_nobodys(self, pid: int) -> bool:
        """Whether a stranger has died, and may have been an orphan of ours that shed its mark."""
        who = identify(pid)
        return who is not None and who.zombie and who.session != self._session

    def _whose(self, who: Identity) -> str | None:
        """The mark of the process that left it behind; None when that cannot be told."""
        if who.mark is not None and who.mark.startswith(self._prefix):
            return who.mark
        for number in (who.group, who.session):
            if number in self._known:
                return self._known[number].mark
        return self._sessions.get(who.session)

    def _adopt(self, pid: int, who: Identity, mark: str) -> None:
        member = Member(pid, os.pidfd_open(pid), who.born, mark)
        self._members[pid] = member
        if who.session not in self._known:
            self._sessions[who.session] = mark
        self._poller.add(member.pidfd, lambda: self._reap(member))
        if not mark.endswith(DETACHED) and all(c.mark != mark for c in self._known.values()):
            log.warning("os pid %d has outlived the process that started it: killed", pid)
            member.signal(signal.SIGKILL)

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
