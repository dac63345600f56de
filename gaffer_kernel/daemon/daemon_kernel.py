"""The kernel as gafferd runs it: it ends in bounded time, whoever stops it, whatever hangs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.pidfile import PidFile
from gaffer_kernel.daemon.shutdown_watchdog import LastResort
from gaffer_kernel.daemon.signals import Signals
from gaffer_kernel.jobs.manager import KILL_TIMEOUT
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.lifecycle import ABANDON_AFTER
from gaffer_kernel.plugins.manager import STOP_DEADLINE

log = logging.getLogger(__name__)

MARGIN = 5.0
"""Seconds beyond the bounds that the parts of the kernel have themselves."""
GOODBYE = 2.0
"""Seconds from the end of the kernel to the end of the program."""


class Gafferd(Kernel):
    """A kernel with a program of its own around it."""

    def __init__(self, config: Config, plugins: Plugins, farewell: Callable[[], None]) -> None:
        super().__init__(config, plugins=plugins, system=LinuxSystem(own_process=True))
        self._last_resort = LastResort(farewell)
        self._starting = trio.CancelScope()

    async def live(self, ready: Callable[[], None]) -> None:
        """As `run`, but a stop during the start ends the start.

        Args:
            ready: called once, when everything is up.

        Raises as `run`.
        """
        with self._starting:
            await self.run(task_status=_Call(ready))

    def stop(self, *, kill: bool = False) -> None:
        """End `live`; and the program, if that does not work."""
        super().stop(kill=kill)
        self._last_resort.kill_within(self._bound(kill), spare=self._detached())
        if not self.started.is_set():
            self._starting.cancel()

    def leave(self, status: int) -> None:
        """The kernel has ended: let the program end now, even if a plugin is still there."""
        self._last_resort.exit_within(GOODBYE, status)

    def _bound(self, kill: bool) -> float:
        patience = 0.0 if kill else self.manager.stop_timeout
        plugins = len(self.plugins.names()) * (STOP_DEADLINE + ABANDON_AFTER)
        return patience + KILL_TIMEOUT + plugins + MARGIN

    def _detached(self) -> set[int]:
        return {process.os_pid for process in self.manager.walk() if process.config.detach}


class _Call:
    """A task status that calls a function."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def started(self, value: object = None) -> None:
        self._function()


async def live(
    config: Config,
    plugins: Plugins,
    *,
    pidfile: Path | None,
    signals: Signals,
    ready: Callable[[], bool],
    report: Callable[[Exception], int],
) -> int:
    """Run gafferd from its pid file to the end of the last plugin.

    Args:
        pidfile: if one is wanted.
        signals: to be attached to the kernel.
        ready: called when everything is up; if it returns False nobody wants it any more.
        report: told why it failed, at once: what hangs may keep this function from ever returning.

    Returns:
        The exit status.
    """
    file = PidFile(pidfile) if pidfile else None
    kernel = Gafferd(config, plugins, file.release if file else _nothing)
    signals.attach(kernel)

    def told_ready() -> None:
        jobs = len(kernel.manager.jobs())
        log.info("up, with %d job%s", jobs, "" if jobs == 1 else "s")
        if not ready():
            log.warning("nobody waits for it any more: stopping")
            kernel.stop()

    status = 0
    try:
        with file or contextlib.nullcontext():
            await kernel.live(told_ready)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told and is the end
        status = report(error)
    else:
        log.info("ended")
    kernel.leave(status)
    return status


def _nothing() -> None:
    pass
