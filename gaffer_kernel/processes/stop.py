"""How a process is stopped: its stop_command, then signal after signal, the last one SIGKILL."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from math import inf

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.stop_steps import StopStep, name_signal
from gaffer_kernel.processes.stop_command import StopCommand, build_request
from gaffer_kernel.system import Child, SpawnRequest, System

log = logging.getLogger(__name__)

Post = Callable[[Callable[[], None]], None]
"""Calls a function: at once, or as a message of a job."""


class StopSequence:
    """The steps that stop one process, and when the next one is due.

    It holds no process and sends nothing: each step returns the signal to send.

    Args:
        steps: at least one; the last one is SIGKILL.

    Attributes:
        timeout: seconds from the first step to the last.
        started: whether stopping has begun.
        due: when the next step is due, on the monotonic clock; infinite before the first and after
            the last.
        waited: the seconds that the step before has been given.
    """

    def __init__(self, steps: Sequence[StopStep]) -> None:
        self.timeout = sum(step.timeout for step in steps)
        self.started = False
        self.due = inf
        self.waited = 0.0
        self._steps = steps
        self._taken = 0

    @property
    def has_begun(self) -> bool:
        """Whether a step has been taken."""
        return self._taken > 0

    @property
    def next_signal(self) -> int:
        """The signal of the next step."""
        return self._steps[min(self._taken, len(self._steps) - 1)].signum

    def wait_for_command(self, now: float) -> None:
        """Begin to stop, but take no step before the stop_command has had its time."""
        self.started = True
        self._wait(now, self.timeout)

    def take_step(self, now: float) -> int:
        """Take the next step, and set the time of the one after it."""
        self.started = True
        signum, timeout = self._steps[self._taken]
        self._taken += 1
        if self._taken < len(self._steps):
            self._wait(now, timeout)
        else:
            self.due = inf
        return signum

    def kill(self) -> int:
        """Take the last step."""
        self.started = True
        self._taken = len(self._steps)
        self.due = inf
        return signal.SIGKILL

    def _wait(self, now: float, seconds: float) -> None:
        self.waited = seconds
        self.due = now + seconds


class Stopper:
    """Stops one process: runs its stop_command, sends its stop signals.

    Args:
        config: of the process.
        system: the operating system.
        child: the process.
        request: how it was started.

    Attributes:
        sequence: the steps.
        command: the run of its stop_command, if it has begun.
    """

    def __init__(
        self, config: JobConfig, system: System, child: Child, request: SpawnRequest
    ) -> None:
        self.sequence = StopSequence(config.stop_steps)
        self.command: StopCommand | None = None
        self._system = system
        self._child = child
        self._has_exited = False
        self._on_exit: Callable[[], None] = lambda: None
        self._leader_only = config.stop_scope == "leader"
        self._title = request.title
        self._command_request = (
            None if config.stop_command is None else build_request(config, request, child.os_pid)
        )

    def begin(self, post: Post) -> None:
        """Start the stop_command, or else take the first step.

        Args:
            post: calls the function that takes the first step when the stop_command has ended.
        """
        if self._command_request is not None:
            command = StopCommand(self._command_request, lambda: post(self._end_command))
            if command.start(self._system):
                self.command = command
                self.sequence.wait_for_command(self._system.now())
                return
        self._take_step()

    def next_step(self) -> None:
        """Log that the process has not exited in time, and take the next step."""
        waited = f"{self.sequence.waited:g} s"
        if self._is_command_running():
            log.warning(
                "%s: stop_command did not end within %s: sent SIGKILL to it", self._title, waited
            )
            self._kill_command()
        elif not self._has_exited:
            log.warning(
                "%s (os pid %d) did not exit within %s: sent SIG%s",
                self._title,
                self._child.os_pid,
                waited,
                name_signal(self.sequence.next_signal),
            )
        self._take_step()

    def kill(self) -> None:
        """Send SIGKILL to everything that the process has started, and to its stop_command."""
        self._kill_command()
        self._send(self.sequence.kill())

    def exited(self, on_exit: Callable[[], None]) -> None:
        """Take the exit of the process, and call a function: once its stop_command has ended.

        A successor that ran already could be what the stop_command stops.
        """
        self._has_exited = True
        self._on_exit = on_exit
        if not self._is_command_running():
            on_exit()

    def _is_command_running(self) -> bool:
        return self.command is not None and self.command.running

    def _kill_command(self) -> None:
        if self.command is not None:
            self.command.kill()

    def _end_command(self) -> None:
        if self._has_exited:
            self._on_exit()
        elif not self.sequence.has_begun:
            self._take_step()

    def _take_step(self) -> None:
        self._send(self.sequence.take_step(self._system.now()))

    def _send(self, signum: int) -> None:
        if not self._has_exited:
            leader_only = self._leader_only and signum != signal.SIGKILL
            self._child.stop(signum, leader_only=leader_only)
