"""What becomes of the others when a process ends, and with which status all of it ends."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import inf

import trio
from gaffer_kernel import Event, Job, Kernel, hookimpl

_SIGNALLED = 128
"""What shells add to the number of the signal that has ended a program."""


class OnExit(StrEnum):
    """What the end of a process means."""

    STOP = "stop"
    """The end of all; its status is that of all."""
    CONTINUE = "continue"
    """The others run on. The first status that is not 0 is that of all."""
    RESTART = "restart"
    """It is started again."""


class Ending:
    """A plugin that ends all jobs when it is time to, and its kernel when it is told to.

    Args:
        on_exit: what the end of a process means.
        count: how many processes are started.
        say: tells people, in a line.

    Attributes:
        status: of all, so far.
        over: set when no process runs any more, or none is to.
    """

    name = "ending"
    gaffer_after = ("console",)

    def __init__(self, on_exit: OnExit, count: int, say: Callable[[str], None]) -> None:
        self.status = 0
        self.over = trio.Event()
        self._on_exit = on_exit
        self._running = count
        self._say = say
        self._kernel: Kernel | None = None

    def attach(self, kernel: Kernel) -> None:
        """Say which kernel it is that ends."""
        self._kernel = kernel

    def end(self, status: int, *, kill: bool = False) -> None:
        """End the kernel.

        Args:
            status: of it all, unless it was ending already and `kill` is not set.
            kill: do not wait for anybody any longer.
        """
        assert self._kernel is not None
        if kill or not self.over.is_set():
            self.status = status
        self.over.set()
        self._kernel.stop(kill=kill)

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Count who has ended, or could not even be started."""
        if event.event == "exit":
            code, signum = event.data["exit_code"], event.data["term_signal"]
            self._ended(event, _SIGNALLED + signum if signum else code)
        elif event.event == "spawn_error" and event.data["error"] != "no_resources":
            self._ended(event, 1)

    @hookimpl
    def gaffer_restart_delay(self, job: Job) -> float | None:
        """Never, or as the kernel has it."""
        return None if self._on_exit is OnExit.RESTART else inf

    def _ended(self, event: Event, status: int) -> None:
        if self._kernel is None or self.over.is_set() or self._on_exit is OnExit.RESTART:
            return
        self._running -= 1
        self.status = self.status or status
        if self._running and self._on_exit is OnExit.STOP:
            self._say(f"{event.job} has ended: stopping the others")
        if not self._running or self._on_exit is OnExit.STOP:
            self.over.set()
            for job in self._kernel.manager.jobs():
                job.stop()
