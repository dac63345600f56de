"""Plugins: the plugins of one kernel; what the kernel and other plugins may ask of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gaffer_kernel.errors import GafferError, NotFound, PluginError
from gaffer_kernel.jobs.options import JobOptions
from gaffer_kernel.plugins import discovery, folder
from gaffer_kernel.plugins.dependencies import find_requirements
from gaffer_kernel.plugins.folder import FolderOptions, PluginSources
from gaffer_kernel.plugins.hooks import report_failure
from gaffer_kernel.plugins.lifecycle import ChangeLock
from gaffer_kernel.plugins.record import PluginInfo, PluginRecord
from gaffer_kernel.plugins.reload import PluginReloader
from gaffer_kernel.plugins.runner import PluginRunner

if TYPE_CHECKING:
    from gaffer_kernel.config import Config
    from gaffer_kernel.kernel import Kernel
    from gaffer_kernel.plugins.plugin_set import PluginSet

log = logging.getLogger(__name__)

START_DEADLINE = 10.0
STOP_DEADLINE = 5.0


class Plugins:
    """The plugins of one kernel. First add and discover, then `check`, then call and run.

    Args:
        publish: called as `publish(event, name=plugin, ...)` for `plugin.opened`, `plugin.closed`
            and `plugin.failed`, the latter with a `reason`. A kernel sets its own.
        start_deadline: seconds one plugin may take to open.
        stop_deadline: seconds one plugin may take to close before it is cancelled; a second later
            it is abandoned.

    Attributes:
        lock: held by each change of the plugins.
        reloader: prepares changes; for the reload of the kernel, which holds the lock itself.
    """

    def __init__(
        self,
        publish: Callable[..., object] | None = None,
        *,
        start_deadline: float = START_DEADLINE,
        stop_deadline: float = STOP_DEADLINE,
    ) -> None:
        self.publish = publish
        self.lock = ChangeLock()
        self._sources = PluginSources()
        self._runner = PluginRunner(self._publish, start_deadline, stop_deadline, self.lock.lock)
        self.reloader = PluginReloader(self._runner, self._sources)

    def _publish(self, event: str, **data: object) -> None:
        if self.publish is not None:
            self.publish(event, **data)

    @property
    def _set(self) -> PluginSet:
        return self._runner.plugins

    # Adding

    def add(self, plugin: object, name: str | None = None) -> str:
        """Add a module or an object that implements hooks; return its name.

        Args:
            plugin: a module or an instance, such as that of a Plugin; not a class.
            name: when not given: of a module its last part, without `gaffer_`, or that of its
                package if it is called `plugin`; of an object its `name`, else its class in lower
                case.

        Raises:
            PluginError: the name is taken or invalid, or the plugin cannot be used.
        """
        name = name or _get_name(plugin)
        self._set.add(PluginRecord(name, plugin, version=folder.get_version(plugin)))
        return name

    def discover(self, disabled: Iterable[str] = ()) -> None:
        """Add the plugins of all installed distributions, sorted by name.

        Args:
            disabled: names of plugins that are listed, but not imported.

        Raises:
            PluginError: plugins cannot be imported or used; it names all of them, with
                distribution and version.
        """
        disabled = self._disable(disabled)
        found = discovery.find_installed()
        loaders = [(record, partial(discovery.load, record, point)) for record, point in found]
        self._load_all(loaders, disabled)

    def add_folder(
        self,
        path: Path | str,
        disabled: Iterable[str] = (),
        *,
        insecure: bool = False,
        missing_ok: bool = False,
    ) -> None:
        """Add the plugins in a folder, sorted by name.

        Args:
            path: the folder of plugins; each subfolder with Python code is one.
            disabled: as for `discover`; also subfolders without code, so that a plugin that uses
                those, such as gaffer-sites, sees that they are disabled.
            insecure: load it even if other users can change it.
            missing_ok: accept that it does not exist; once it does, a reload loads its plugins.

        Raises:
            PluginError: the folder cannot be read, other users can change it, or plugins in it
                cannot be imported or used; it names all of them.
        """
        disabled = self._disable(disabled)
        root = Path(path).absolute()
        if insecure:
            log.warning("plugins in %s are loaded, even if other users can write them", root)
        without_code = disabled - set(self._set.records)
        options = FolderOptions(insecure, missing_ok)
        paths = folder.find_plugins(root, options, disabled=without_code)
        self._sources.folders[root] = options
        records = [PluginRecord(each.name, None, path=each) for each in paths]
        loaders = [(record, partial(folder.load, record, insecure=insecure)) for record in records]
        self._load_all(loaders, disabled)

    def _load_all(
        self,
        loaders: Iterable[tuple[PluginRecord, Callable[[], object]]],
        disabled: Collection[str],
    ) -> None:
        """Load plugins and add them; raise the errors of all that are broken, as one."""
        errors = []
        for record, load in loaders:
            try:
                self._set.check_name(record)
                if record.name in disabled:
                    record.state = "disabled"
                else:
                    load()
                self._set.add(record)
            except PluginError as error:
                errors.append(error)
        if errors:
            raise PluginError.combine(errors)

    def _disable(self, names: Iterable[str]) -> set[str]:
        disabled = set(names)
        self._sources.disabled |= disabled
        return disabled

    def check(self) -> None:
        """Put the plugins in order; find everything that is wrong between them.

        Raises:
            PluginError: names every plugin that requires a missing one, every cycle of
                dependencies, every unknown or invalid hook, and every unknown name that was to be
                disabled, all in one line.
        """
        self._set.check(self._sources.disabled)

    def configure(self, config: Config) -> None:
        """Let each plugin check and convert its part of a configuration.

        Raises:
            ConfigError: a section or key is wrong, or no plugin owns it.
            PluginError: a plugin raised another error.
        """
        self._set.configure(config)

    def find_mistakes(self, config: Config) -> list[GafferError]:
        """Return the errors of all plugins, where `configure` raises the first."""
        return self._set.find_mistakes(config)

    # Looking

    def names(self) -> list[str]:
        """The plugins that have code; after `check`, in the order in which they open."""
        records = self._set.records.items()
        return [name for name, record in records if record.plugin is not None]

    def info(self) -> list[PluginInfo]:
        """The facts about every plugin; those that are disabled or broken come first."""
        return [record.info() for record in self._set.records.values()]

    @property
    def event_names(self) -> set[str]:
        """The names of events that plugins declare in `gaffer_events`, and those of the plugins.

        The names of their events may begin with the name of the plugin.
        """
        records = self._set.records
        return {*records, *(name for record in records.values() for name in record.events)}

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of plugins, absolute, in the order in which they were added.

        A subfolder that holds no Python code is no plugin; another plugin may use it, as
        gaffer-sites does.
        """
        return tuple(self._sources.folders)

    @property
    def changes(self) -> int:
        """A number that rises whenever a plugin is added, removed, opened or closed."""
        return self._set.hooks.changes

    @property
    def job_options(self) -> JobOptions:
        """The keys that the plugins add to jobs, closed plugins too; after `check`."""
        return self._set.job_options

    @property
    def services(self) -> dict[str, object]:
        """The services of the open plugins, by the plugin's name."""
        return self._runner.services

    @property
    def abandoned(self) -> list[str]:
        """Plugins that did not end when cancelled: `trio.run` waits for them forever."""
        return self._runner.abandoned

    # Calling

    def call(self, hook: str, /, **arguments: object) -> list[tuple[str, Any]]:
        """Call a hook of all plugins, one by one; never fails because of a plugin.

        An implementation that raises, even SystemExit, is counted, and logged with the name and
        version of the plugin: first with its traceback, then the second time, the fourth, the
        eighth and so on. The others are still called.

        Args:
            hook: its name; the kernel's or one that a plugin brought.
            arguments: exactly those of the hook.

        Returns:
            Name of the plugin and result, in the order of the calls; without results that are None.

        Raises:
            LookupError: the hook is not specified, or an argument is missing.
        """
        return list(self._set.hooks.call(hook, arguments))

    def call_strict(self, hook: str, /, **arguments: object) -> list[tuple[str, Any]]:
        """Call a hook as `call` does, but raise the first failure.

        Raises:
            GafferError: raised by the plugin.
            PluginError: the plugin raised anything else.
        """
        return self._set.hooks.call_strict(hook, arguments)

    def first(self, hook: str, /, **arguments: object) -> Any:
        """Call a hook as `call` does, until a result is not None; return that."""
        return next((result for _, result in self._set.hooks.call(hook, arguments)), None)

    def implementing(self, hook: str) -> list[str]:
        """The plugins that a call of a hook calls now, in that order.

        Raises:
            LookupError: the hook is not specified.
        """
        return [each.record.name for each in self._set.hooks.find(hook)]

    def add_failure(self, name: str) -> None:
        """Count a failure of a plugin that the caller has logged.

        Args:
            name: the plugin; it may be gone.
        """
        record = self._set.records.get(name)
        if record is not None:
            record.failures += 1

    def report_failure(self, name: str, hook: str, problem: BaseException | str) -> None:
        """Count and log that the result of a hook cannot be used.

        The first failure is logged, the second, fourth, eighth and so on, as with hooks that raise.

        Args:
            name: the plugin; it may be gone.
            hook: its hook.
            problem: what is wrong, to follow the name of the hook; or the exception that using the
                result raised.
        """
        record = self._set.records.get(name)
        if record is not None:
            report_failure(record, hook, problem)

    # Opening and closing

    @asynccontextmanager
    async def running(self, kernel: Kernel) -> AsyncIterator[None]:
        """Allow plugins to be opened in the block; then close each, the last opened first.

        If the block is cancelled or raises, the plugins are still closed: the cancellation does not
        reach them, and each has a deadline, so it takes a bounded time. A plugin that fails while
        the block runs closes only the plugins that require it, and is opened again after a while.

        Raises:
            PluginError: as `check`.
        """
        self.check()
        self._runner.start(kernel)
        try:
            yield
        finally:
            await self._runner.shut_down()

    async def open_all(self) -> None:
        """Open every plugin, in order; in the block of `running`.

        Raises:
            PluginError: some failed to open or took too long, which are all named; the others are
                open, except those that require them.
        """
        async with self.lock.lock:
            await self._runner.open_all(self._set.records)

    def finish_start_late(self, function: Callable[[], Awaitable[None]]) -> None:
        """Postpone what is slow about the start of a plugin until the first processes run.

        For a service while it opens in a kernel that is not `started`, to import large packages.

        Args:
            function: awaited once, in the task of the kernel and with the deadline of an opening;
                what it raises ends the start of the kernel. Not called if the plugin has ended.
        """
        self._runner.finish_start_late(function)

    async def finish_start(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Await `wait`, then what plugins have postponed; return at once if there is nothing.

        Raises:
            PluginError: one failed or took too long.
        """
        async with self.lock.lock:
            await self._runner.finish_start(wait)

    async def open(self, name: str) -> None:
        """Open a plugin while the kernel runs, after those it requires. One that is open stays so.

        If cancelled, the plugin being opened is cancelled too; those it requires stay open.

        Raises:
            NotFound: there is no such plugin.
            PluginError: it failed to open, or it is disabled.
            Closing: the kernel is shutting down.
        """
        # Without the disabled names: one of them may have left its folder in the meantime.
        self._set.check()
        async with self.lock.lock:
            self._check_exists(name)
            required = find_requirements(name, self._set.records)
            self._runner.recovery.forget([name])
            for record in list(self._set.records.values()):
                if record.name in required or record.name == name:
                    await self._runner.open(record)

    async def close(self, name: str) -> None:
        """Close a plugin while the kernel runs, after those that require it; no process is touched.

        If cancelled, a plugin that has been asked to close still does so, by its deadline.

        Raises:
            NotFound: there is no such plugin.
        """
        async with self.lock.lock:
            self._check_exists(name)
            requiring = [
                each
                for each in self._set.records
                if each == name or name in find_requirements(each, self._set.records)
            ]
            self._runner.recovery.forget(requiring)
            for each in self._runner.running_names():
                if each in requiring:
                    await self._runner.close(each)

    def _check_exists(self, name: str) -> None:
        if name not in self._set.records:
            raise NotFound("plugin", name)

    async def reload(self, name: str) -> None:
        """Close a plugin and those that require it, and open again what was open or had failed.

        The code of a folder plugin is imported again before anything is closed, and checks the
        configuration; if that fails nothing changes. If the new code then does not open, the old
        code is put back and opened. The code of other plugins stays the same. If cancelled, the
        reload still goes on to its end, within the deadlines of the plugins.

        Raises:
            NotFound: there is no such plugin.
            PluginError: it is disabled, or the new code cannot be used; the old plugins run on.
            ConfigError: the new code refuses the configuration; the old plugins run on.
            Closing: the kernel is shutting down.
        """
        await self.lock.run(lambda: self.reloader.reload(name))

    async def rescan(self) -> None:
        """Load new folder plugins, reload changed ones, close those whose folder is gone.

        All of it or nothing, as `reload`. `Kernel.reload` does this too.

        Raises:
            PluginError, ConfigError: something is wrong, all of it is named; the old plugins run
                on.
            Closing: the kernel is shutting down.
        """
        await self.lock.run(self.reloader.rescan)


def _get_name(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return plugin.__name__.removesuffix(".plugin").rpartition(".")[2].removeprefix("gaffer_")
    name = getattr(plugin, "name", None)
    return name if isinstance(name, str) else type(plugin).__name__.lower()
