"""The real system: what the port asks for, put together."""

from __future__ import annotations

import dataclasses
import os
import random
import resource
import secrets
import signal
import threading
import time
from collections.abc import Mapping

import trio

from gaffer_kernel.linux.child import LinuxChild
from gaffer_kernel.linux.orphans import DETACHED, Adopted, become_subreaper
from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.linux.procfs import MARK
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.linux.users import find_user
from gaffer_kernel.system import Child, ChildListener, SpawnRequest, User

SWEEP = 1.0
"""Seconds between two looks for orphans that died unseen, while children are dying."""


class LinuxSystem:
    """Processes, clocks and chance of the machine we run on.

    Args:
        own_process: the program around us is ours alone, as gafferd's is: become a child subreaper,
            so that what leaves its group is still found and ended, and raise the limit of open
            files to what is allowed. A program that embeds the kernel keeps its settings.
    """

    def __init__(self, *, own_process: bool = False) -> None:
        self._poller = Poller()
        self._children: dict[int, LinuxChild] = {}
        self._instance = secrets.token_hex(4)
        self._spawned = 0
        # Copied once: os.environ decodes every variable each time it is copied.
        self._environ = dict(os.environ)
        self._adopted = Adopted(self._poller, self._instance, self._children)
        self._files: tuple[int, int] | None = None
        if own_process:
            self._adopted.enabled = become_subreaper()
            self._files = _raise_open_files()

    @property
    def instance(self) -> str:
        """How the mark of every child begins; see `gaffer_kernel.linux.procfs`."""
        return self._instance

    def now(self) -> float:
        """Trio's clock: monotonic."""
        return trio.current_time()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def random(self) -> float:
        """A number from 0 to 1."""
        return random.random()

    def environ(self) -> Mapping[str, str]:
        """The environment we were started in."""
        return self._environ

    def user(self, uid: int | str | None, gid: int | str | None) -> User | None:
        """Look up a user and a group."""
        return find_user(uid, gid)

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> Child:
        """Start a process and watch it from now on."""
        self._spawned += 1
        mark = f"{self._instance}:{self._spawned}{DETACHED if request.detach else ''}"
        started = spawn(dataclasses.replace(request, environ={**request.environ, MARK: mark}))
        if self._files is not None:
            _give_files(started.os_pid, self._files)
        child = LinuxChild(
            started,
            listener,
            self._poller,
            self._adopted,
            mark,
            title=request.title,
            detach=request.detach,
            on_gone=self._forget,
        )
        self._children[started.os_pid] = child
        return child

    def _forget(self, child: LinuxChild) -> None:
        del self._children[child.os_pid]
        self._adopted.forget(child.mark)

    async def run(self) -> None:
        """Watch the children until cancelled; then kill the orphans, and let the others run on."""
        try:
            async with trio.open_nursery() as nursery:
                if self._adopted.enabled and threading.current_thread() is threading.main_thread():
                    nursery.start_soon(self._sweep)
                await self._poller.run()
        finally:
            self._adopted.close()
            for child in self._children.values():
                child.abandon()
            self._poller.close()

    async def _sweep(self) -> None:
        """Reap orphans that end while the process they come from lives on."""
        with trio.open_signal_receiver(signal.SIGCHLD) as deaths:
            async for _ in deaths:
                self._adopted.when_looked(_nothing)
                await trio.sleep(SWEEP)


def _nothing() -> None:
    """Whoever is found is watched, and reaped when it ends: there is no more to do."""


def _raise_open_files() -> tuple[int, int]:
    """Raise our soft limit to the hard one; what it was before is for the children."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    return before


def _give_files(pid: int, limit: tuple[int, int]) -> None:
    # Just after the start instead of before it: a program that uses select() breaks above 1024
    # descriptors, but it has not got that far yet.
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
    except (PermissionError, ProcessLookupError):
        # It has already become another user's, or ended.
        pass
