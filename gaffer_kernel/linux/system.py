"""The real system: what the port asks for, put together."""

from __future__ import annotations

import dataclasses
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Mapping
from math import inf

import trio

from gaffer_kernel.linux.child import LinuxChild
from gaffer_kernel.linux.leftovers import make_instance
from gaffer_kernel.linux.orphans import DETACHED, OrphanReaper, become_subreaper
from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.linux.procfs import MARK
from gaffer_kernel.linux.shortage import DescriptorReserve
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.linux.users import find_user
from gaffer_kernel.system import Child, ChildListener, SpawnRequest, User

SCAN_INTERVAL = 1.0
"""Seconds between two scans for orphans that exited unnoticed, while SIGCHLD keeps coming."""


class LinuxSystem:
    """Processes, clocks and random numbers of this machine.

    Args:
        own_process: the whole program belongs to the kernel, as gafferd's does: become a child
            subreaper, so that what leaves its group is still found and stopped, and raise the soft
            limit of open files to the hard one, less a reserve for supervision. A program that
            embeds the kernel keeps its settings.
        origin: names the configuration in the marks of children; see
            `gaffer_kernel.linux.leftovers`.
    """

    def __init__(self, *, own_process: bool = False, origin: str | None = None) -> None:
        self._poller = Poller()
        self._children: dict[int, LinuxChild] = {}
        self._instance = make_instance(origin)
        self._spawned = 0
        # Copied once: os.environ decodes every variable each time it is copied.
        self._environ = dict(os.environ)
        self._reserve = DescriptorReserve()
        self._orphans = OrphanReaper(self._poller, self._instance, self._children, self._reserve)
        if own_process:
            _stop_ignoring_sigchld()
            self._orphans.enabled = become_subreaper()
            self._reserve.enable()

    @property
    def instance(self) -> str:
        """The beginning of the mark of every child; see `gaffer_kernel.linux.procfs`."""
        return self._instance

    def now(self) -> float:
        """Return the time of trio's clock, which is monotonic."""
        return trio.current_time()

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def random(self) -> float:
        """Return a random number from 0 to 1."""
        return random.random()

    def environ(self) -> Mapping[str, str]:
        """Return the environment in which gafferd was started."""
        return self._environ

    def user(self, uid: int | str | None, gid: int | str | None) -> User | None:
        """Look up a user and a group."""
        # Without a descriptor for /etc/passwd, getpwnam(3) says that there is no such user.
        with self._reserve.opened():
            return find_user(uid, gid)

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> Child:
        """Start a process and watch it."""
        if not self._spawned:
            self._orphans.ignore_existing()
        self._spawned += 1
        mark = f"{self._instance}:{self._spawned}{DETACHED if request.detach else ''}"
        # If we are a job of another gafferd, it ends our children if we are killed; but those that
        # are to outlive us are not its own.
        outer = "" if request.detach else self._environ.get(MARK, "")
        marks = f"{outer} {mark}".strip()
        marked = dataclasses.replace(request, environ={**request.environ, MARK: marks})
        with self._reserve.opened():
            started = spawn(marked)
        settings = request.settings
        if self._reserve.before and not (settings and "nofile" in settings.rlimits):
            _limit_open_files(started.os_pid, self._reserve.before)
        child = LinuxChild(
            started,
            listener,
            self._poller,
            self._orphans,
            mark,
            title=request.title,
            detach=request.detach,
            on_gone=self._forget,
        )
        self._children[started.os_pid] = child
        return child

    def _forget(self, child: LinuxChild) -> None:
        del self._children[child.os_pid]
        self._orphans.forget(child.mark)

    async def run(self) -> None:
        """Watch the children until cancelled; then kill the orphans, and let the others run on.

        After an exception it can be called again.
        """
        try:
            async with trio.open_nursery() as nursery:
                if self._orphans.enabled and threading.current_thread() is threading.main_thread():
                    nursery.start_soon(self._scan_on_sigchld)
                await self._poller.run()
        finally:
            if trio.current_effective_deadline() == -inf:
                self._close()

    def _close(self) -> None:
        self._orphans.close()
        for child in self._children.values():
            child.abandon()
        self._poller.close()

    async def _scan_on_sigchld(self) -> None:
        """Find and reap orphans that exit while the process that left them behind runs on."""
        with trio.open_signal_receiver(signal.SIGCHLD) as signals:
            async for _ in signals:
                self._orphans.after_scan(_do_nothing)
                await trio.sleep(SCAN_INTERVAL)


def _stop_ignoring_sigchld() -> None:
    """Keep exited children for us: while SIGCHLD is ignored, the system reaps them itself."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _do_nothing() -> None:
    """The scan itself adopts the orphans, and an adopted orphan is reaped when it exits."""


def _limit_open_files(pid: int, limits: tuple[int, int]) -> None:
    # Set just after the spawn: a program that uses select(2) breaks above 1024 descriptors, but it
    # has not opened that many yet.
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    except (PermissionError, ProcessLookupError):
        # EPERM: it runs as another user by now. ESRCH: it has exited.
        pass
