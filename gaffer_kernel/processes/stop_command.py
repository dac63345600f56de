"""The stop_command of a job: one run of it, before the stop signals of a process."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable

from gaffer_kernel.errors import SpawnError, shown
from gaffer_kernel.jobs.command import MAINPID, build_argv, configured_program
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.system import Child, ExitStatus, SpawnRequest, System

log = logging.getLogger(__name__)

MAX_OUTPUT = 4096
"""Bytes of the last output of a stop_command that are kept for the log."""


def build_request(config: JobConfig, request: SpawnRequest, os_pid: int) -> SpawnRequest:
    """Return how to start the stop_command of a process.

    Args:
        config: the job; it has a stop_command.
        request: how the process was started.
        os_pid: the system's number of the process: MAINPID.
    """
    assert config.stop_command is not None
    environ = {**request.environ, MAINPID: str(os_pid)}
    return SpawnRequest(
        argv=build_argv(config.stop_command, (), config.shell, environ),
        environ=environ,
        cwd=request.cwd,
        user=request.user,
        outputs=("out", "out"),
        title=f"{request.title}: stop_command",
        program=configured_program(config.stop_command, config.shell),
    )


class StopCommand:
    """The run of the stop_command of one process.

    A failure is logged, with the last line that the command has written.

    Args:
        request: what to run.
        on_exit: called once the command has ended, or could not be started.

    Attributes:
        running: whether it runs.
        os_pid: the system's number of it; 0 before its start.
    """

    def __init__(self, request: SpawnRequest, on_exit: Callable[[], None]) -> None:
        self.running = False
        self.os_pid = 0
        self._request = request
        self._on_exit = on_exit
        self._child: Child | None = None
        self._output = b""
        self._is_killed = False

    def start(self, system: System) -> bool:
        """Start it; log why, and return False, if that is not possible."""
        try:
            self._child = system.spawn(self._request, self)
        except SpawnError as error:
            log.warning("%s: cannot start: %s", self._request.title, error)
            return False
        self.os_pid = self._child.os_pid
        self.running = True
        return True

    def kill(self) -> None:
        """Send SIGKILL to it and to all that it has started."""
        if self.running and self._child is not None:
            self._is_killed = True
            self._child.stop(signal.SIGKILL)

    def output(self, label: str, data: bytes | memoryview) -> None:
        """Keep the last bytes that it writes."""
        self._output = (self._output + bytes(data))[-MAX_OUTPUT:]

    def exited(self, status: ExitStatus) -> None:
        """Take the exit status from the system, after all output."""
        self.running = False
        if (status.exit_code or status.term_signal) and not self._is_killed:
            log.warning("%s: failed: %s%s", self._request.title, _describe(status), self._last())
        self._on_exit()

    def _last(self) -> str:
        lines = self._output.decode(errors="backslashreplace").split("\n")
        line = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f": {shown(line)}" if line else ""


def _describe(status: ExitStatus) -> str:
    if status.term_signal:
        return f"killed by signal {status.term_signal}"
    return f"exit status {status.exit_code}"
