"""Orphans: what children left behind and we inherited. Found, attributed, stopped, reaped.

A process that forks twice and calls setsid leaves both its parent and its group. As a child
subreaper we become its parent; the mark in its environment, or its group, says which child started
it. Nothing is polled: the list of our children is read when one of them exits or is to be stopped.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import Protocol

import trio

from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.linux.procfs import (
    MARK,
    ProcessIdentity,
    describe_command,
    identify,
    list_children,
)
from gaffer_kernel.linux.shortage import (
    RETRY_INTERVAL,
    DescriptorReserve,
    ShortageLog,
    is_shortage,
)

log = logging.getLogger(__name__)

DETACHED = ":detached"
"""The end of the mark of a process that outlives us, and so of what it starts."""
MAX_SCAN_SHARE = 0.1
"""The largest part of the time that is spent on scans."""
EXEC_TIMEOUT = 0.1
"""Seconds of execve(2) after which a process that has arguments also has an environment."""
MAX_EXEC_TIMEOUT = 5.0
"""Seconds after which a process without arguments is believed to have none."""
UNCLAIMED_TIMEOUT = 2.0
"""Seconds after which a zombie that no child and no caller claims is reaped here."""
PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Ask the system to make orphans of our children ours; return whether it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Orphan:
    """An inherited process that belongs to one of our children's groups or carries its mark.

    Attributes:
        os_pid, pidfd: it has not been reaped, so its number is not reused.
        start_ticks: when it was born, as in `current_ticks`.
        mark: of the child that left it behind.
        waiters: called once it has been reaped.
    """

    def __init__(self, os_pid: int, pidfd: int, start_ticks: int, mark: str) -> None:
        self.os_pid = os_pid
        self.pidfd = pidfd
        self.start_ticks = start_ticks
        self.mark = mark
        self.waiters: list[Callable[[], None]] = []

    @property
    def group(self) -> int:
        """Its current group, because it can become the leader of one at any time.

        0 if the program that embeds the kernel has reaped it.
        """
        try:
            return os.getpgid(self.os_pid)
        except ProcessLookupError:
            return 0

    def signal(self, signum: int) -> None:
        """Send a signal to it, and to its group if it leads one; nothing if it is gone.

        It has not been reaped yet, so neither number can have been reused.
        """
        try:
            if self.group == self.os_pid:
                os.killpg(self.group, signum)
            else:
                os.kill(self.os_pid, signum)
        except (ProcessLookupError, PermissionError):
            # ESRCH: gone. EPERM: it runs as another user by now.
            pass

    def when_reaped(self, function: Callable[[], None]) -> None:
        """Call a function once it has been reaped."""
        if function not in self.waiters:
            self.waiters.append(function)


class Marked(Protocol):
    """A child of ours."""

    @property
    def mark(self) -> str:
        """The value of the mark in its environment."""


class OrphanReaper:
    """The orphans. Without `enabled` there are none, because another process inherits them.

    A scan costs a millisecond with a thousand children, so scans take MAX_SCAN_SHARE of the time at
    most: a scan requested soon after another is delayed, and serves all requests until then.

    Args:
        poller: watches the pidfds of orphans.
        instance: the beginning of the marks of our children.
        children: our children by os pid; kept up to date by the caller.
        reserve: the descriptors for scans.
    """

    def __init__(
        self,
        poller: Poller,
        instance: str,
        children: Mapping[int, Marked],
        reserve: DescriptorReserve,
    ) -> None:
        self.enabled = False
        self._reserve = reserve
        self._shortage = ShortageLog()
        self._poller = poller
        self._prefix = f"{instance}:"
        self._children = children
        self._session = os.getsid(0)
        self._orphans: dict[int, Orphan] = {}
        self._sessions: dict[int, str] = {}  # session -> mark
        self._foreign: set[int] = set()
        self._unattributed: dict[int, str] = {}  # os pid -> command, of those that were logged
        self._undecided: dict[int, float] = {}  # os pid -> first seen
        self._next_scan = -inf
        self._rescan_at = inf
        self._waiting: dict[Callable[[], None], None] = {}

    def ignore_existing(self) -> None:
        """Call the current children foreign: this program started them before any job."""
        with suppress(OSError):
            self._foreign |= list_children() - self._children.keys()

    def left_by(self, group: int, mark: str) -> list[Orphan]:
        """Return the orphans with this group or mark, as of the last scan."""
        return [each for each in self._orphans.values() if each.group == group or each.mark == mark]

    def after_scan(self, function: Callable[[], None]) -> None:
        """Call a function after the next scan; scan now unless it is too soon."""
        if not self.enabled:
            function()
            return
        first = not self._waiting
        self._waiting[function] = None
        if trio.current_time() >= self._next_scan:
            self._scan()
        elif first:
            self._poller.call_at(self._next_scan, self._scan)

    def forget(self, mark: str) -> None:
        """Forget the sessions of a child that is gone with all that it left behind."""
        self._sessions = {
            session: owner for session, owner in self._sessions.items() if owner != mark
        }

    def _scan(self) -> None:
        """Find the processes that have become our children without a spawn."""
        began = trio.current_time()
        try:
            with self._reserve.opened():
                self._find(began)
        except (OSError, MemoryError) as error:
            if not is_shortage(error):
                raise
            # The exits of children wait for a complete scan, and so does what depends on them.
            self._shortage.report("cannot look for orphans", error)
            self._next_scan = trio.current_time() + RETRY_INTERVAL
            self._rescan(self._next_scan)
            return
        ended = trio.current_time()
        self._next_scan = ended + (ended - began) / MAX_SCAN_SHARE
        newest = max(self._undecided.values(), default=-inf)
        if ended - newest >= EXEC_TIMEOUT:
            waiting, self._waiting = self._waiting, {}
            for function in waiting:
                function()
        if self._undecided:
            self._rescan(ended + min(max(ended - newest, EXEC_TIMEOUT / 4), 1.0))

    def _find(self, began: float) -> None:
        ours = list_children()
        self._foreign = {pid for pid in self._foreign & ours if not self._is_unclaimed(pid)}
        self._undecided = {pid: since for pid, since in self._undecided.items() if pid in ours}
        self._unattributed = {
            pid: command for pid, command in self._unattributed.items() if pid in self._foreign
        }
        for pid in ours:
            if not (pid in self._children or pid in self._orphans or pid in self._foreign):
                self._decide(pid, began)

    def _rescan(self, when: float) -> None:
        if when < self._rescan_at:
            self._rescan_at = when
            self._poller.call_at(when, self._rescan_now)

    def _rescan_now(self) -> None:
        self._rescan_at = inf
        if self.enabled:
            self._scan()

    def _decide(self, pid: int, now: float) -> None:
        """Adopt a new child, call it foreign, or decide at a later scan."""
        identity = identify(pid)
        if identity is None:
            return
        mark = self._attribute(identity)
        if mark is not None:
            self._undecided.pop(pid, None)
            self._adopt(pid, identity, mark)
            return
        since = self._undecided.setdefault(pid, now)
        if identity.is_zombie and identity.session != self._session:
            # A program that started a process of its own reaps it sooner.
            if now - since > UNCLAIMED_TIMEOUT:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        elif (
            identity.session == self._session
            or identity.marks is not None
            or now - since > (MAX_EXEC_TIMEOUT if identity.is_in_exec else EXEC_TIMEOUT)
        ):
            # A child of the program that embeds the kernel, or an orphan that cleared its
            # environment: the two look the same.
            del self._undecided[pid]
            self._foreign.add(pid)
            if identity.session != self._session:
                self._unattributed[pid] = command = describe_command(pid)
                log.warning(
                    "os pid %d (%s) was inherited, and no job is known to have started it: it is"
                    " in a session of its own, without %s in its environment: it is not stopped",
                    pid,
                    command,
                    MARK,
                )

    def _is_unclaimed(self, pid: int) -> bool:
        """Return whether a foreign process is a zombie that may be an orphan without its mark."""
        identity = identify(pid)
        return identity is not None and identity.is_zombie and identity.session != self._session

    def _attribute(self, identity: ProcessIdentity) -> str | None:
        """Return the mark of the child that left a process behind; None if it is unknown."""
        mark = identity.find_mark(self._prefix)
        if mark is not None:
            return mark
        for number in (identity.group, identity.session):
            if number in self._children:
                return self._children[number].mark
        return self._sessions.get(identity.session)

    def _adopt(self, pid: int, identity: ProcessIdentity, mark: str) -> None:
        orphan = Orphan(pid, os.pidfd_open(pid), identity.start_ticks, mark)
        self._orphans[pid] = orphan
        if identity.session not in self._children:
            self._sessions[identity.session] = mark
        self._poller.add(orphan.pidfd, lambda: self._reap(orphan))
        if not mark.endswith(DETACHED) and all(c.mark != mark for c in self._children.values()):
            log.warning("os pid %d has outlived the process that started it: sent SIGKILL", pid)
            orphan.signal(signal.SIGKILL)

    def _unwatch(self, orphan: Orphan) -> None:
        self._poller.remove(orphan.pidfd)
        os.close(orphan.pidfd)

    def _reap(self, orphan: Orphan) -> int:
        self._unwatch(orphan)
        del self._orphans[orphan.os_pid]
        with suppress(ChildProcessError):
            # ECHILD: a plugin has reaped it with waitpid(-1).
            os.waitpid(orphan.os_pid, 0)
        for function in orphan.waiters:
            function()
        return 0

    def close(self) -> None:
        """SIGKILL every orphan except those of detached processes, and stop scanning."""
        if self.enabled:
            self._scan()
        self.enabled = False
        for pid, command in self._unattributed.items():
            log.warning("os pid %d (%s) is left running: it belongs to no job", pid, command)
        for orphan in self._orphans.values():
            if not orphan.mark.endswith(DETACHED):
                orphan.signal(signal.SIGKILL)
            self._unwatch(orphan)
        self._orphans.clear()
