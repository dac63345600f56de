"""The reaction to the exit of a process, and the exit status of the command."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import inf

import trio
from gaffer_kernel import Event, Job, Kernel, hookimpl
from gaffer_kernel.plugin import print_error

from gaffer_cli.exit_codes import FAILED

_SIGNALLED = 128
"""Shells add the signal number to this for a program killed by a signal."""


class OnExit(StrEnum):
    """The reaction to the exit of a process."""

    STOP = "stop"
    """The others are stopped; its status is that of the command."""
    CONTINUE = "continue"
    """The others continue; the first status that is not 0 is that of the command."""
    RESTART = "restart"
    """It is restarted."""


class ExitPolicy:
    """A plugin that stops the jobs as `on_exit` says, and its kernel on request.

    Args:
        on_exit: what happens when a process exits.
        count: the number of processes that are started.
        print_line: prints a line for people.

    Attributes:
        done: set when no process runs any more, or the kernel stops.
    """

    name = "exit_policy"
    gaffer_after = ("console",)

    def __init__(self, on_exit: OnExit, count: int, print_line: Callable[[str], None]) -> None:
        self._status = 0
        self._lost = False
        self.done = trio.Event()
        self._on_exit = on_exit
        self._running = count
        self._print_line = print_line
        self._kernel: Kernel | None = None

    def attach(self, kernel: Kernel) -> None:
        """Set the kernel to stop."""
        self._kernel = kernel

    def stop_kernel(self, status: int, *, kill: bool = False) -> None:
        """Stop the kernel.

        Args:
            status: the exit status of the command; ignored if the kernel is already stopping,
                unless `kill` is set.
            kill: send SIGKILL to the processes now.
        """
        assert self._kernel is not None
        if kill or not self.done.is_set():
            self._status = status
        self.done.set()
        self._kernel.stop(kill=kill)

    @property
    def status(self) -> int:
        """The exit status of the command so far; not 0 if lines of output were lost."""
        return self._status or (FAILED if self._lost else 0)

    def report_lost(self, text: str) -> None:
        """Print on standard error that lines are lost on a full disk; the status is not 0 then."""
        self._lost = True
        print_error(f"gaffer: {text}")

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Count the processes that exited or could not be started."""
        if event.event == "exit":
            code, signum = event.data["exit_code"], event.data["term_signal"]
            self._count_exit(event, _SIGNALLED + signum if signum else code)
        elif event.event == "spawn_error" and event.data["error"] != "no_resources":
            self._count_exit(event, 1)

    @hookimpl
    def gaffer_restart_delay(self, job: Job) -> float | None:
        """Return infinity unless processes are restarted; None for the kernel's own delay."""
        return None if self._on_exit is OnExit.RESTART else inf

    def _count_exit(self, event: Event, status: int) -> None:
        if self._kernel is None or self.done.is_set() or self._on_exit is OnExit.RESTART:
            return
        self._running -= 1
        self._status = self._status or status
        if self._running and self._on_exit is OnExit.STOP:
            self._print_line(f"{event.job} has exited: stopping the others")
        if not self._running or self._on_exit is OnExit.STOP:
            self.done.set()
            for job in self._kernel.manager.jobs():
                job.stop()
