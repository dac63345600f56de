"""The plugins of one kernel, and all that may be asked of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gaffer_kernel.plugins import discovery, folder
from gaffer_kernel.plugins.change import Changing
from gaffer_kernel.plugins.complaints import complain
from gaffer_kernel.plugins.plugin_set import Roster
from gaffer_kernel.plugins.record import PluginInfo, Record
from gaffer_kernel.plugins.runner import Runner

if TYPE_CHECKING:
    from gaffer_kernel.config import Config
    from gaffer_kernel.kernel import Kernel

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
    """

    def __init__(
        self,
        publish: Callable[..., object] | None = None,
        *,
        start_deadline: float = START_DEADLINE,
        stop_deadline: float = STOP_DEADLINE,
    ) -> None:
        self.publish = publish
        self._disabled: set[str] = set()
        self._roots: dict[Path, folder.Terms] = {}
        self._roster = Roster()
        self._records = self._roster.records
        self._hooks = self._roster.hooks
        self._runner = Runner(self._roster, self._publish, start_deadline, stop_deadline)
        self.changing = Changing(self._roster, self._runner, self._roots, self._disabled)

    def _publish(self, event: str, **data: object) -> None:
        if self.publish is not None:
            self.publish(event, **data)

    # Adding

    def add(self, plugin: object, name: str | None = None) -> str:
        """Add a module or an object that implements hooks; return its name.

        Args:
            plugin: an instance if it is of a class, that of a Plugin for instance.
            name: when not given: of a module its last part, without `gaffer_`, or that of its
                package if it is called `plugin`; of an object its `name`, else its class in lower
                case.

        Raises:
            PluginError: the name is taken or impossible, or the plugin cannot be used.
        """
        name = name or _own_name(plugin)
        self._roster.add(Record(name, plugin, version=folder.version_of(plugin)))
        return name

    def discover(self, disabled: Iterable[str] = ()) -> None:
        """Add the plugins of all installed distributions, one by one, by name.

        Args:
            disabled: names of plugins to leave alone: they are listed, but not imported.

        Raises:
            PluginError: one cannot be imported or used; it names distribution and version.
        """
        disabled = self._disable(disabled)
        for record, point in discovery.installed():
            self._roster.check_name(record)
            if record.name in disabled:
                record.state = "disabled"
            else:
                record.plugin = discovery.load(record, point)
            self._roster.add(record)

    def add_folder(
        self,
        path: Path | str,
        disabled: Iterable[str] = (),
        *,
        insecure: bool = False,
        missing_ok: bool = False,
    ) -> None:
        """Add the plugins in a folder, one by one, by name.

        Args:
            path: the folder of plugins; each subfolder with Python code is one.
            disabled: as for `discover`; of subfolders without code too, so that whoever has a use
                for those sees that they are not to be used.
            insecure: load it even if somebody else could change it.
            missing_ok: it need not be there; when it comes, the next reload takes it up.

        Raises:
            PluginError: the folder cannot be read, somebody else could change it, or a plugin in it
                cannot be imported or used.
        """
        disabled = self._disable(disabled)
        root = Path(path).absolute()
        if insecure:
            log.warning("plugins in %s are loaded, whoever may have written them", root)
        without_code = disabled - set(self._records)
        terms = folder.Terms(insecure, missing_ok)
        places = folder.folders(root, terms, disabled=without_code)
        self._roots[root] = terms
        for place in places:
            record = Record(place.name, None, path=place)
            self._roster.check_name(record)
            if record.name in disabled:
                record.state = "disabled"
            else:
                folder.load(record, insecure=insecure)
            self._roster.add(record)

    def _disable(self, names: Iterable[str]) -> set[str]:
        disabled = set(names)
        self._disabled |= disabled
        return disabled

    def check(self) -> None:
        """Put the plugins in order; find everything that is wrong between them.

        Raises:
            PluginError: names every plugin that requires an absent one, every ring of plugins that
                wait for each other, every unknown or misshapen hook and every unknown name that was
                to be disabled, all at once.
        """
        self._roster.check(self._disabled)

    def configure(self, config: Config) -> None:
        """Let each plugin check and convert its part of a configuration.

        Raises:
            ConfigError: a section or key is wrong, or nobody's.
            PluginError: a plugin failed at it.
        """
        self._roster.configure(config)

    # Looking

    def names(self) -> list[str]:
        """The plugins that have code; after `check`, in the order in which they open."""
        return [name for name, record in self._records.items() if record.plugin is not None]

    def info(self) -> list[PluginInfo]:
        """What is known of every plugin; those that are disabled or broken come first."""
        return [record.info() for record in self._records.values()]

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of plugins, absolute, in the order in which they were added.

        A folder in one of them that holds no Python code is no plugin; what it is for, such as a
        site, is another plugin's business.
        """
        return tuple(self._roots)

    @property
    def changes(self) -> int:
        """Rises whenever a plugin comes, goes, opens or ends: then ask again who is there."""
        return self._hooks.changes

    @property
    def services(self) -> dict[str, object]:
        """What the open plugins offer, by the plugin's name."""
        return self._runner.services

    @property
    def abandoned(self) -> list[str]:
        """Plugins that did not end even when cancelled: `trio.run` waits for them for ever."""
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
            LookupError: nobody has specified such a hook, or an argument of it is missing.
        """
        return self._hooks.call(hook, arguments)

    def call_strict(self, hook: str, /, **arguments: object) -> list[tuple[str, Any]]:
        """As `call`, but the first failure ends it.

        Raises:
            GafferError: as the plugin raised it.
            PluginError: the plugin raised anything else.
        """
        return self._hooks.call_strict(hook, arguments)

    def first(self, hook: str, /, **arguments: object) -> Any:
        """As `call`, but the first result that is not None is the answer; no more are called."""
        return self._hooks.first(hook, arguments)

    def implementing(self, hook: str) -> list[str]:
        """The plugins that would be asked now if a hook was called, in that order.

        Raises:
            LookupError: nobody has specified such a hook.
        """
        return self._hooks.implementing(hook)

    def count_failure(self, name: str) -> None:
        """Note that what a hook of a plugin gave could not be used; the caller has logged why.

        Args:
            name: of the plugin; it may have gone meanwhile.
        """
        record = self._records.get(name)
        if record is not None:
            record.failures += 1

    def complain(self, name: str, hook: str, problem: BaseException | str) -> None:
        """Log that what a hook of a plugin gave could not be used, and count it.

        The first is logged, the second, fourth, eighth and so on, as with hooks that raise.

        Args:
            name: of the plugin; it may have gone meanwhile.
            hook: its name.
            problem: what is wrong, after the name of the hook; or what using it raised.
        """
        record = self._records.get(name)
        if record is not None:
            complain(record, hook, problem)

    # Living

    def running(self, kernel: Kernel) -> AbstractAsyncContextManager[None]:
        """Open every plugin, run the block, close every plugin, the last opened first.

        If the block is cancelled or raises, the plugins are closed all the same: the cancellation
        does not reach them, and each has its deadline, so it takes a bounded time. A plugin that
        fails or crashes while the block runs ends nothing but the plugins that require it.

        Raises:
            PluginError: one failed to open or took too long; those already open were closed.
        """
        self.check()
        return self._runner.running(kernel)

    async def open(self, name: str) -> None:
        """Open a plugin while the kernel runs, after those it requires. One that is open stays so.

        If cancelled, the plugin being opened is cancelled too; those it requires stay open.

        Raises:
            NotFound: there is no such plugin.
            PluginError: it failed to open, or it is disabled.
            Closing: the kernel is shutting down.
        """
        # Not `check`: what was to be disabled may have left its folder meanwhile.
        self._roster.check()
        await self._runner.open(name)

    async def close(self, name: str) -> None:
        """Close a plugin while the kernel runs, after those that require it; no process is touched.

        If cancelled, a plugin that has been asked to close still does so, by its deadline.

        Raises:
            NotFound: there is no such plugin.
        """
        await self._runner.close(name)

    async def reload(self, name: str) -> None:
        """Close a plugin and those that require it, and open again what was open or had failed.

        The code of a plugin in a folder is imported anew before anything is closed, and checks the
        configuration; if that fails nothing changes. If the new code then does not open, the old is
        put back and opened. The code of other plugins stays the same. If cancelled, it is done all
        the same, within the deadlines of the plugins.

        Raises:
            NotFound: there is no such plugin.
            PluginError: it is disabled, or the new code cannot be used; what ran runs on.
            ConfigError: the new code does not like the configuration; what ran runs on.
            Closing: the kernel is shutting down.
        """
        await self.changing.alone(lambda: self.changing.reload(name))

    async def rescan(self) -> None:
        """Take up what has changed in the folders: load what is new, reload what is other, close
        what is gone. `Kernel.reload` does this too.

        All of it or nothing, as `reload`.

        Raises:
            PluginError, ConfigError: something is wrong, all of it is named; what ran runs on.
            Closing: the kernel is shutting down.
        """
        await self.changing.alone(self.changing.rescan)


def _own_name(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return plugin.__name__.removesuffix(".plugin").rpartition(".")[2].removeprefix("gaffer_")
    name = getattr(plugin, "name", None)
    return name if isinstance(name, str) else type(plugin).__name__.lower()
