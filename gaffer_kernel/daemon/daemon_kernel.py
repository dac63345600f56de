"""DaemonKernel: the kernel of gafferd, which ends in bounded time even if a plugin hangs."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.pidfile import PidFile
from gaffer_kernel.daemon.shutdown_watchdog import ShutdownWatchdog
from gaffer_kernel.daemon.signals import Signals
from gaffer_kernel.daemon.startup import get_addresses, take_default_pidfile
from gaffer_kernel.jobs.manager import KILL_TIMEOUT
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.leftovers import end_leftovers, make_origin, warn_of_leftovers
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.lifecycle import ABANDON_AFTER
from gaffer_kernel.plugins.manager import STOP_DEADLINE

log = logging.getLogger(__name__)

OrphansMode = Literal["warn", "kill"]

SHUTDOWN_MARGIN = 5.0
"""Seconds added to the sum of the deadlines inside the kernel."""
EXIT_TIMEOUT = 2.0
"""Seconds from the end of the kernel to the end of the program."""


class DaemonKernel(Kernel):
    """A kernel that owns its process: a shutdown that takes too long ends the program.

    Args:
        config: the configuration.
        plugins: the plugins.
        cleanup: called before a forced end of the program; must not block.
        orphans: what to do with processes that an earlier gafferd with this configuration left
            running, because it was killed: log them, or end them before the start. None does
            nothing, as does a configuration that is not a file.
    """

    def __init__(
        self,
        config: Config,
        plugins: Plugins,
        cleanup: Callable[[], None],
        orphans: OrphansMode | None = None,
    ) -> None:
        path = config.path if orphans is not None else None
        self._origin = make_origin(path) if path is not None and os.path.isfile(path) else None
        self._orphans = orphans
        system = LinuxSystem(own_process=True, origin=self._origin)
        super().__init__(config, plugins=plugins, system=system)
        self._watchdog = ShutdownWatchdog(cleanup)
        self._starting = trio.CancelScope()

    async def run_until_stopped(self, ready: Callable[[], None]) -> None:
        """Run the kernel; a `stop` during the start cancels the start.

        Args:
            ready: called once, when all plugins are open and all jobs loaded.

        Raises as `run`.
        """
        with self._starting:
            if self._origin is not None and self._orphans == "kill":
                await end_leftovers(self._origin)
            await self.run(task_status=_CallbackStatus(ready))

    def warn_of_leftovers(self) -> None:
        """Log the processes of an earlier gafferd, if they were not to be ended."""
        if self._origin is not None and self._orphans == "warn":
            warn_of_leftovers(self._origin)

    def stop(self, *, kill: bool = False) -> None:
        """End `run_until_stopped`, and after a deadline the program."""
        super().stop(kill=kill)
        self._watchdog.kill_within(self._shutdown_timeout(kill), spare=self._detached_pids())
        if not self.started.is_set():
            self._starting.cancel()

    def exit_soon(self, status: int) -> None:
        """Let the program exit within EXIT_TIMEOUT, even if a plugin is still running."""
        self._watchdog.exit_within(EXIT_TIMEOUT, status)

    def _shutdown_timeout(self, kill: bool) -> float:
        stop_timeout = 0.0 if kill else self.manager.stop_timeout
        plugins = len(self.plugins.names()) * (STOP_DEADLINE + ABANDON_AFTER)
        return stop_timeout + KILL_TIMEOUT + plugins + SHUTDOWN_MARGIN

    def _detached_pids(self) -> set[int]:
        return {process.os_pid for process in self.manager.walk() if process.config.detach}


class _CallbackStatus:
    """A trio.TaskStatus that calls a function."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def started(self, value: object = None) -> None:
        self._function()


async def run_daemon(
    config: Config,
    plugins: Plugins,
    *,
    pidfile: Path | None,
    default_pidfile: str | None = None,
    orphans: OrphansMode | None = None,
    signals: Signals,
    ready: Callable[[Kernel, Path | None], bool],
    report: Callable[[Exception], int],
) -> int:
    """Run a kernel as a program: lock the pid file, open the plugins, supervise, close them.

    Args:
        config: the configuration.
        plugins: the plugins.
        pidfile: the path of the pid file, if there is one.
        default_pidfile: the name of the program, to write its default pid file once it is up, if
            `pidfile` is None. It runs without a pid file if that one cannot be used.
        orphans: what to do with the processes of an earlier gafferd; see DaemonKernel.
        signals: attached to the kernel.
        ready: called when all is running, with the kernel and the pid file; False if the launching
            process is gone: then stop.
        report: called with the error as soon as the kernel fails, because a plugin that hangs may
            keep this function from returning; gives the exit status.

    Returns:
        The exit status.
    """
    files = [PidFile(pidfile)] if pidfile else []

    def release() -> None:
        for file in files:
            file.release()

    kernel = DaemonKernel(config, plugins, release, orphans)
    signals.attach(kernel)

    def announce() -> None:
        jobs = len(kernel.manager.jobs())
        log.info("up, with %d job%s", jobs, "" if jobs == 1 else "s")
        kernel.warn_of_leftovers()
        if default_pidfile and not files:
            default = take_default_pidfile(default_pidfile, get_addresses(kernel))
            files.extend([default] if default else [])
        if not ready(kernel, files[0].path if files else None):
            log.warning("the launching process is gone: stopping")
            kernel.stop()

    status = 0
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(release)
            for file in files:
                file.take()
            await kernel.run_until_stopped(announce)
    except Exception as error:  # noqa: BLE001  every error is reported and ends the program
        status = report(error)
    else:
        log.info("ended")
    kernel.exit_soon(status)
    return status
