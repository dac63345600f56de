"""Kernel: configuration, events, plugins and jobs, started, reloaded and stopped together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.errors import Closing, GafferError
from gaffer_kernel.events import KERNEL_EVENTS, EventBus
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.jobs.options import JobOptions
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.names import JobName
from gaffer_kernel.plan import JobChange, plan_changes
from gaffer_kernel.plugin_advice import PluginAdvice
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.reload import (
    apply_changes,
    check_not_empty,
    index_jobs,
    load_job,
    warn_of_restart_keys,
)
from gaffer_kernel.runtime import require_trio
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

FIRST_SPAWNS_TIMEOUT = 1.0
"""Seconds that the slow half of the start of a plugin waits for the first processes."""


class Kernel:
    """A supervisor: it owns its configuration, events, plugins and processes.

    Two of them can live in one program.

    Args:
        config: the configuration; without jobs when not given.
        plugins: a Plugins with the plugins that have been discovered; or modules and objects with
            hook implementations.
        system: the operating system; the real one when not given.

    Attributes:
        config, events, manager, plugins, advice: its parts.
        started: set once every plugin is open and every job of the configuration loaded.
        reloading: whether a reload is trying plugins with a new `config`, which it may take back.
            A plugin that would drop state because of a missing key waits until it is false.
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
        self.events = EventBus(wall=self._system.wall, on_event=self._call_event_hooks)
        self.plugins.publish = self._publish_plugin_event
        self.advice = PluginAdvice(self.plugins)
        self.manager = Manager(self._system, self.events, self.advice)
        self.started = trio.Event()
        self.reloading = False
        self._stopping = trio.Event()
        self._configured = False
        self._jobs_loaded = False
        self._loaded: dict[JobName, JobConfig] = {}

    # Configuration

    def configure(self) -> None:
        """Order the plugins, and let each check and convert its part of the configuration.

        Nothing is started. `run` calls it if it has not been called before.

        Raises:
            ConfigError: a section or key is wrong, or no plugin owns it.
            PluginError: plugins are missing or form a cycle, or one of them failed.
        """
        self.plugins.check()
        self.plugins.configure(self.config)
        index_jobs(self.config)
        self._configured = True

    def find_mistakes(self) -> list[GafferError]:
        """Return all mistakes of the configuration, where `configure` raises the first.

        Raises:
            PluginError: plugins are missing or form a cycle.
        """
        self.plugins.check()
        errors = self.plugins.find_mistakes(self.config)
        errors += self.config.find_wrong_jobs()
        if not errors:
            try:
                index_jobs(self.config)
            except GafferError as error:
                errors.append(error)
        return errors

    async def reload(self) -> list[JobChange]:
        """Read the configuration file and the folders of plugins again, and apply the differences.

        Jobs that are no longer in the file are unloaded, new ones loaded, changed ones updated (a
        change of `numprocesses` alone scales). All others, and jobs loaded in another way, are not
        touched. Plugins that are no longer in their folder are closed, new ones opened, changed
        ones closed and opened with their new code; before anything is closed, all plugins check the
        configuration. Returns when this is recorded; processes follow. If cancelled, the reload
        still goes on to its end.

        Returns:
            What was done to each job of the configuration, before and now; nothing if the jobs have
                not been loaded yet, or not from a file.

        Raises:
            ConfigError: the file is wrong, or has no section left. Nothing has changed.
            PluginError: the plugins are wrong, or new code does not open. Nothing has changed: the
                plugins that were closed for it are open again.
            Closing: the kernel is stopping, or began to during the reload. No job has changed.
        """
        if self._jobs_loaded:
            changes: list[JobChange] = []

            async def reload() -> None:
                changes.extend(await self._reload())

            await self.plugins.lock.run(reload)
            return changes
        # The plugins are still opening; `run` loads the jobs after them, from this configuration.
        config = self.config.again()
        check_not_empty(self.config, config, index_jobs(self.config))
        try:
            self.plugins.configure(config)
            index_jobs(config)
        except BaseException:
            self._configure_again()
            raise
        if config.path is not None:
            self.config = config
        await trio.lowlevel.checkpoint()
        return []

    async def _reload(self) -> list[JobChange]:
        self._check_not_stopping()
        before, config = self.config, self.config.again()
        check_not_empty(before, config, self._loaded)
        try:
            change = self.plugins.reloader.prepare(config)
            try:
                jobs = index_jobs(config)
            except BaseException:
                change.rollback()
                raise
        except BaseException:
            self._configure_again()
            raise
        self.config, self.reloading = config, True

        def restore() -> None:
            self.config = before
            self._configure_again()

        try:
            await change.commit(restore)
        except BaseException:
            if self.config is config:
                restore()
            raise
        finally:
            self.reloading = False
        self._check_not_stopping()
        if config.path is None:
            self.config = before  # Its jobs were added by the program, not read from a file.
            return []
        warn_of_restart_keys(before, config)
        changes = self._plan(jobs)
        apply_changes(self.manager, changes, self._loaded, jobs)
        self._loaded = jobs
        return changes

    async def plan(self, file: Path | None = None) -> list[JobChange]:
        """Return what `reload` would do to each job; change nothing.

        Changes in the folders of plugins are not looked at. If cancelled, nothing has happened.

        Args:
            file: another configuration file, to compare the jobs with; when not given, that of the
                kernel, which is read again.

        Raises:
            ConfigError: the file is wrong, or has no section left.
            PluginError: a plugin raised another error when it checked the configuration.
            Closing: the kernel is stopping.
        """
        async with self.plugins.lock.lock:
            self._check_not_stopping()
            config = self.config.again() if file is None else self.config.again(path=file)
            check_not_empty(self.config, config, self._loaded)
            try:
                self.plugins.configure(config)
                jobs = index_jobs(config)
            finally:
                self._configure_again()
            return self._plan(jobs)

    def _plan(self, jobs: Mapping[JobName, JobConfig]) -> list[JobChange]:
        return plan_changes(self.manager, self._loaded, jobs, self.job_options)

    def _check_not_stopping(self) -> None:
        if self.stopping:
            raise Closing

    def _configure_again(self) -> None:
        """Configure the plugins with the current configuration again, after another was refused."""
        try:
            self.plugins.configure(self.config.again(read=False))
        except GafferError as error:
            log.error("%s", error)

    # Running

    async def run(self, *, task_status: trio.TaskStatus[Kernel] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the plugins, load the jobs, supervise until `stop`; then shut down in reverse order.

        What plugins have left for later (`Plugins.finish_start_late`) follows once the first
        processes run.

        Plugins are the outer block: they receive the last `exit`. Cancelling it is the same as
        `stop`: the shutdown still takes its course, within its own deadlines. Runs once.

        Args:
            task_status: started with this kernel when all plugins are open and all jobs loaded.

        Raises:
            ConfigError, PluginError: it could not start; everything started has been stopped again.
            RuntimeError: it is not called by a task of trio.
        """
        require_trio("Kernel.run")
        if not self._configured:
            self.configure()
        failure: GafferError | None = None
        try:
            # The manager is the inner block, because plugins receive the last `exit`. It runs
            # before they open, so that they can load jobs; processes start when all are open.
            async with self.plugins.running(self), self.manager.running():
                try:
                    await self.plugins.open_all()
                    self._load_jobs()
                    await self.plugins.finish_start(self._wait_first_spawns)
                except GafferError as error:
                    failure = error  # Raised behind the nurseries, not in an ExceptionGroup.
                else:
                    self.started.set()
                    task_status.started(self)
                    await self._stopping.wait()
        finally:
            self._stopping.set()
            self.events.close()
        if failure is not None:
            raise failure

    async def _wait_first_spawns(self) -> None:
        if not self.stopping:
            with trio.move_on_after(FIRST_SPAWNS_TIMEOUT):
                await self.manager.wait_spawned()

    def _load_jobs(self) -> None:
        """Load the jobs of the configuration, and start them and those that plugins have loaded.

        After a `stop` while the plugins were opening no job is loaded or started at all.
        """
        if not self.stopping:
            self._loaded = index_jobs(self.config)
            for name, config in self._loaded.items():
                load_job(self.manager, name, config)
            self.manager.start_spawning()
        self._jobs_loaded = True

    def stop(self, *, kill: bool = False) -> None:
        """End `run`: returns at once. May be called again.

        Args:
            kill: send SIGKILL to all processes without waiting for stop timeouts, now and from now
                on.
        """
        self._stopping.set()
        if kill:
            self.manager.kill_stopping()

    @property
    def stopping(self) -> bool:
        """Whether `stop` has been called, or `run` has ended."""
        return self._stopping.is_set()

    @property
    def services(self) -> Mapping[str, Any]:
        """The services that open plugins offer to each other, by the plugin's name."""
        return MappingProxyType(self.plugins.services)

    @property
    def job_options(self) -> JobOptions:
        """The keys that plugins add to jobs; for `JobConfig.from_dict`."""
        return self.plugins.job_options

    # Events

    @property
    def event_names(self) -> set[str]:
        """The names of the events that are published, as far as they are known.

        They are those of the kernel, those that plugins declare in `gaffer_events`, and those in
        the log. The names of plugins stand for all events whose names begin with them.
        """
        return {*KERNEL_EVENTS, *self.plugins.event_names, *self.events.find_names()}

    def _publish_plugin_event(self, event: str, *, name: str, **data: Any) -> None:
        self.events.publish(event, name=name, **data)
        if event in ("plugin.closed", "plugin.failed"):
            self.manager.forget_plugin(name)

    def _call_event_hooks(self, event: object) -> None:
        self.plugins.call("gaffer_event", event=event)


@asynccontextmanager
async def open_kernel(
    config: Config | None = None,
    *,
    plugins: Plugins | Iterable[object] = (),
    system: System | None = None,
) -> AsyncIterator[Kernel]:
    """Run a kernel during the block, inside another trio program.

    Args:
        config: as for Kernel.
        plugins: as for Kernel; entry points are not read.
        system: as for Kernel.

    Leaving the block, also by an exception or a cancellation, stops every process and waits for its
    exit. As with every trio nursery, exceptions raised inside come out in an ExceptionGroup.

    Raises:
        ConfigError, PluginError: the configuration or the plugins are wrong; nothing was started.
        RuntimeError: it is not called by a task of trio.
    """
    require_trio("open_kernel")
    kernel = Kernel(config, plugins=plugins, system=system)
    kernel.configure()
    async with trio.open_nursery() as nursery:
        await nursery.start(kernel.run)
        try:
            yield kernel
        finally:
            kernel.stop()
