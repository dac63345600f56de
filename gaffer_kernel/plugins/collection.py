"""The plugins of one kernel, and all that may be asked of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gaffer_kernel.errors import NotFound, PluginError, did_you_mean, shown
from gaffer_kernel.names import PART, PART_RULE
from gaffer_kernel.plugins import discovery, folder, order
from gaffer_kernel.plugins.hooks import Hooks
from gaffer_kernel.plugins.order import Problem
from gaffer_kernel.plugins.record import PluginInfo, Record
from gaffer_kernel.plugins.runner import Runner

if TYPE_CHECKING:
    from gaffer_kernel.kernel import Kernel

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
        self._records: dict[str, Record] = {}
        self._disabled: set[str] = set()
        self._roots: list[Path] = []
        self._hooks = Hooks(self._records)
        self._runner = Runner(
            self._records, self._hooks, self._publish, start_deadline, stop_deadline
        )

    def _publish(self, event: str, **data: object) -> None:
        if self.publish is not None:
            self.publish(event, **data)

    # Adding

    def add(self, plugin: object, name: str | None = None) -> str:
        """Add a module or an object that implements hooks; return its name.

        Args:
            plugin: an instance if it is of a class.
            name: when not given: of a module its last part, without `gaffer_`; of an object its
                `name`, else its class in lower case.

        Raises:
            PluginError: the name is taken or impossible, or the plugin cannot be used.
        """
        name = name or _own_name(plugin)
        self._add(Record(name, plugin, version=_own_version(plugin)))
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
            self._check_name(record)
            if record.name in disabled:
                self._set_aside(record)
            else:
                record.plugin = discovery.load(record, point)
                self._add(record)

    def add_folder(self, path: Path | str, disabled: Iterable[str] = ()) -> None:
        """Add the plugins in a folder, one by one, by name.

        Args:
            path: the folder of plugins; each subfolder with Python code is one.
            disabled: as for `discover`.

        Raises:
            PluginError: the folder cannot be read, somebody else could change it, or a plugin in it
                cannot be imported or used.
        """
        disabled = self._disable(disabled)
        root = Path(path).absolute()
        places = folder.folders(root)
        self._roots.append(root)
        for place in places:
            record = Record(place.name, None, path=place)
            self._check_name(record)
            if record.name in disabled:
                self._set_aside(record)
            else:
                record.plugin = folder.load(record, place)
                record.version = _own_version(record.plugin)
                self._add(record)

    def _disable(self, names: Iterable[str]) -> set[str]:
        disabled = set(names)
        self._disabled |= disabled
        return disabled

    def _set_aside(self, record: Record) -> None:
        record.state = "disabled"
        self._records[record.name] = record

    def _check_name(self, record: Record) -> None:
        if not re.fullmatch(PART, record.name):
            raise record.blame(f"a plugin is named with {PART_RULE}, not {shown(record.name)}")
        if record.name in self._records:
            raise record.blame("a plugin of this name is already there: rename or remove one")

    def _add(self, record: Record) -> None:
        self._check_name(record)
        if inspect.isclass(record.plugin):
            raise record.blame(f"give an instance, {record.plugin.__name__}(), not the class")
        try:
            record.requires = order.declared(record.plugin, "gaffer_requires")
            record.after = order.declared(record.plugin, "gaffer_after")
        except TypeError as exc:
            raise record.blame(str(exc)) from exc
        self._hooks.register(record)
        self._records[record.name] = record

    def check(self) -> None:
        """Put the plugins in order; find everything that is wrong between them.

        Raises:
            PluginError: names every plugin that requires an absent one, every ring of plugins that
                wait for each other, every unknown or misshapen hook and every unknown name that was
                to be disabled, all at once.
        """
        problems = [
            *self._hooks.problems(),
            *order.absences(self._records),
            *order.cycles(self._records),
            *self._unknown_disabled(),
        ]
        if problems:
            raise _all_in_one(problems)
        for name in order.ordered(self._records):
            self._records[name] = self._records.pop(name)  # to the end, each in its turn
        self._hooks.forget()

    def _unknown_disabled(self) -> list[Problem]:
        return [
            (Record(name, None), f"cannot be disabled, it is not there{self._hint(name)}")
            for name in sorted(self._disabled - set(self._records))
        ]

    def _hint(self, name: str) -> str:
        return did_you_mean(name, self._records)

    # Looking

    def names(self) -> list[str]:
        """The plugins that are not disabled; after `check`, in the order in which they open."""
        return [name for name, record in self._records.items() if record.state != "disabled"]

    def info(self) -> list[PluginInfo]:
        """What is known of every plugin; the disabled ones come first."""
        return [record.info() for record in self._records.values()]

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of plugins, absolute, in the order in which they were added.

        A folder in one of them that holds no Python code is no plugin; what it is for, such as a
        site, is another plugin's business.
        """
        return tuple(self._roots)

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

        An implementation that raises, even SystemExit, is logged with the plugin's name and version
        and counted; the others are still called.

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
        self._known(name)
        self.check()
        await self._runner.open(name)

    async def close(self, name: str) -> None:
        """Close a plugin while the kernel runs, after those that require it; no process is touched.

        If cancelled, a plugin that has been asked to close still does so, by its deadline.

        Raises:
            NotFound: there is no such plugin.
        """
        self._known(name)
        await self._runner.close(name)

    def _known(self, name: str) -> None:
        if name not in self._records:
            raise NotFound("plugin", name)


def _own_name(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return plugin.__name__.rpartition(".")[2].removeprefix("gaffer_")
    name = getattr(plugin, "name", None)
    return name if isinstance(name, str) else type(plugin).__name__.lower()


def _own_version(plugin: object) -> str | None:
    version = getattr(plugin, "__version__", None)
    return str(version) if version is not None else None


def _all_in_one(problems: list[Problem]) -> PluginError:
    (first, reason), *others = problems
    return first.blame("; ".join([reason, *(str(record.blame(why)) for record, why in others)]))
