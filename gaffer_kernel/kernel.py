"""The kernel: configuration, events, plugins and the manager, put together and given one life."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from math import inf
from types import MappingProxyType
from typing import Any

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.errors import Closing, GafferError, shown
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs import restart
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.names import JobName
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.reload import apply_difference, index, tell_what_waits
from gaffer_kernel.system import System

log = logging.getLogger(__name__)


class Kernel:
    """A supervisor: it owns its configuration, events, plugins and processes.

    Two of them can live in one program.

    Args:
        config: what to run; nothing when not given.
        plugins: those to use: a Plugins with what has been discovered, or modules and objects with
            hook implementations.
        system: the operating system; the real one when not given.

    Attributes:
        config, events, manager, plugins: its parts.
        started: set once every plugin is open and every job of the configuration loaded.
        reloading: whether a reload is trying plugins with a new `config`, which it may take back.
            Who would lose something by what is no longer in there waits until it is not.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        plugins: Plugins | Iterable[object] = (),
        system: System | None = None,
    ) -> None:
        self.config = config if config is not None else Config()
        self.plugins = plugins if isinstance(plugins, Plugins) else Plugins()
        if not isinstance(plugins, Plugins):
            for plugin in plugins:
                self.plugins.add(plugin)
        self._system = system if system is not None else LinuxSystem()
        self.events = EventBus(wall=self._system.wall, on_event=self._tell_plugins)
        self.plugins.publish = self.events.publish
        self.manager = Manager(self._system, self.events, self)
        self.started = trio.Event()
        self.reloading = False
        self._stopping = trio.Event()
        self._configured = False
        self._loaded: dict[JobName, JobConfig] = {}

    # Configuration

    def configure(self) -> None:
        """Order the plugins, and let each check and convert its part of the configuration.

        Nothing is started. Called by `run` when it has not been called before.

        Raises:
            ConfigError: a section or key is wrong, or nobody's.
            PluginError: plugins are missing or need each other, or one of them failed.
        """
        self.plugins.check()
        self.plugins.configure(self.config)
        index(self.config)
        self._configured = True

    async def reload(self) -> None:
        """Read the configuration file and the folders of plugins again, and apply what has changed.

        Jobs that left the file are unloaded, new ones loaded, changed ones updated (a change of
        `numprocesses` alone scales); all others, and those that came another way, are not touched.
        Plugins that left their folder are closed, new ones opened, changed ones closed and opened
        with their new code; before anything is closed, all plugins check the configuration.
        Returns when this is recorded; processes follow. If cancelled, it is done all the same.

        Raises:
            ConfigError: the file is wrong. Nothing has changed.
            PluginError: so are the plugins, or new code does not open. Nothing has changed: what
                was closed for it is open again.
            Closing: the kernel is stopping, before or meanwhile. No job has changed.
        """
        if self.started.is_set():
            await self.plugins.changing.alone(self._reload)
            return
        # The plugins are still opening: the jobs are loaded after them, from this.
        config = self.config.again()
        self.plugins.configure(config)
        index(config)
        if config.path is not None:
            self.config = config
        await trio.lowlevel.checkpoint()

    async def _reload(self) -> None:
        self._check_not_stopping()
        before, config = self.config, self.config.again()
        try:
            change = self.plugins.changing.look_again(config)
            wanted = index(config)
        except BaseException:
            self._configure_again()
            raise
        self.config, self.reloading = config, True

        def take_back() -> None:
            self.config = before
            self._configure_again()

        try:
            await self.plugins.changing.adopt(*change, take_back)
        except BaseException:
            if self.config is config:
                take_back()
            raise
        finally:
            self.reloading = False
        self._check_not_stopping()
        if config.path is None:
            self.config = before  # The jobs in it came from the program, not from a file.
            return
        tell_what_waits(before, config)
        apply_difference(self.manager, self._loaded, wanted)
        self._loaded = wanted

    def _check_not_stopping(self) -> None:
        if self.stopping:
            raise Closing

    def _configure_again(self) -> None:
        """Let plugins take back what they have taken from a configuration that is refused."""
        try:
            self.plugins.configure(self.config.again(read=False))
        except GafferError as error:
            log.error("%s", error)

    # Life

    async def run(self, *, task_status: trio.TaskStatus[Kernel] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the plugins, load the jobs, supervise until `stop`; then undo it in reverse.

        Plugins are the outer block: they see the last `exit`. Cancelling it is the same as `stop`:
        the shutdown goes its way, within its own bounds. Runs once.

        Args:
            task_status: told this kernel when everything is up.

        Raises:
            ConfigError, PluginError: it could not start; what was started has been stopped again.
        """
        if not self._configured:
            self.configure()
        try:
            async with self.plugins.running(self), self.manager.running():
                # Told to stop while the plugins opened: then no job is started at all.
                self._loaded = {} if self.stopping else index(self.config)
                apply_difference(self.manager, {}, self._loaded)
                self.started.set()
                task_status.started(self)
                await self._stopping.wait()
        finally:
            self._stopping.set()
            self.events.close()

    def stop(self, *, kill: bool = False) -> None:
        """End `run`: returns at once. May be called again.

        Args:
            kill: do not wait for graceful timeouts, now or from now on: KILL.
        """
        self._stopping.set()
        if kill:
            self.manager.kill_stopping()

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stopping.is_set()

    @property
    def services(self) -> Mapping[str, Any]:
        """What each open plugin offers to the others, by the plugin's name."""
        return MappingProxyType(self.plugins.services)

    # What plugins add to decisions

    def process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Variables that plugins add to the next process of a job."""
        added: dict[str, str] = {}
        for plugin, mapping in self.plugins.call("gaffer_process_env", job=job, number=number):
            try:
                added.update({str(key): str(value) for key, value in mapping.items()})
            except AttributeError:
                problem = f"gave a {type(mapping).__name__}, not a mapping"
                self.plugins.complain(plugin, "gaffer_process_env", problem)
            except Exception as error:  # noqa: BLE001  its keys and values are the plugin's code too
                self.plugins.complain(plugin, "gaffer_process_env", error)
        return added

    def restart_delay(self, job: Job, history: restart.History) -> float | None:
        """The first opinion of a plugin on when a job's process is to be started again."""
        for plugin, delay in self.plugins.call("gaffer_restart_delay", job=job, history=history):
            if isinstance(delay, int | float) and delay >= 0:
                # An int may be larger than any float.
                return float(delay) if delay < sys.float_info.max else inf
            problem = f"gave {shown(delay)}, not seconds from 0"
            self.plugins.complain(plugin, "gaffer_restart_delay", problem)
        return None

    def _tell_plugins(self, event: object) -> None:
        self.plugins.call("gaffer_event", event=event)


@asynccontextmanager
async def open_kernel(
    config: Config | None = None,
    *,
    plugins: Plugins | Iterable[object] = (),
    system: System | None = None,
) -> AsyncIterator[Kernel]:
    """Run a kernel as long as the block lasts, inside another trio program.

    Args:
        config: what to run; nothing when not given.
        plugins: as for Kernel; entry points are not looked for.
        system: as for Kernel.

    Leaving the block, by an exception or a cancellation too, stops every process and waits for it.
    As with every nursery of trio, what is raised inside comes out in an ExceptionGroup.

    Raises:
        ConfigError, PluginError: the configuration or the plugins are wrong; nothing was started.
    """
    kernel = Kernel(config, plugins=plugins, system=system)
    kernel.configure()
    async with trio.open_nursery() as nursery:
        await nursery.start(kernel.run)
        try:
            yield kernel
        finally:
            kernel.stop()
