"""Changes the plugins of a running kernel: new code, new folders; all of it or nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from gaffer_kernel.config import Config
from gaffer_kernel.errors import Closing, GafferError, NotFound, PluginError
from gaffer_kernel.plugins import folder, importer
from gaffer_kernel.plugins.dependencies import Problem, find_requirements
from gaffer_kernel.plugins.folder import PluginSources
from gaffer_kernel.plugins.plugin_class import restart_application
from gaffer_kernel.plugins.plugin_set import PluginSet, combine_problems
from gaffer_kernel.plugins.record import PluginRecord
from gaffer_kernel.plugins.runner import PluginRunner

log = logging.getLogger(__name__)


class PluginReloader:
    """Reloads the plugins of one kernel. Call its methods inside `ChangeLock.run`.

    Args:
        runner: opens and closes them.
        sources: the folders they come from.
    """

    def __init__(self, runner: PluginRunner, sources: PluginSources) -> None:
        self._runner = runner
        self._sources = sources

    async def reload(self, name: str) -> None:
        """Import the code of one plugin again, close it and open it. See `Plugins.reload`."""
        record = self._runner.plugins.records.get(name)
        if record is None:
            raise NotFound("plugin", name)
        config = self._runner.get_kernel(record).config.again(read=False)
        change = PluginChange(self._runner, self._sources, only=record)
        change.prepare(config)
        await change.commit()

    async def rescan(self) -> None:
        """Apply what has changed in the folders. See `Plugins.rescan`."""
        config = self._runner.get_kernel(PluginRecord("folder", None)).config.again(read=False)
        await self.prepare(config).commit()

    def prepare(self, config: Config) -> PluginChange:
        """Prepare a change to what is in the folders now, with a configuration.

        Raises as `PluginChange.prepare`.
        """
        change = PluginChange(self._runner, self._sources)
        change.prepare(config)
        return change


class PluginChange:
    """A change from the current set of plugins to another one: first `prepare`, then `commit`.

    Args:
        runner: opens and closes the plugins.
        sources: the folders they come from.
        only: import the code of this plugin again, close and open it, and leave the folders alone.
            Without it all folders are read, and the applications of plugins that stay open are
            restarted.
    """

    def __init__(
        self, runner: PluginRunner, sources: PluginSources, only: PluginRecord | None = None
    ) -> None:
        self._runner = runner
        self._sources = sources
        self._only = only
        self._old = runner.plugins
        self._new = self._old
        self._records = dict(self._old.records)  # unchanged plugins keep their record
        self._problems: list[Problem] = []

    def prepare(self, config: Config) -> None:
        """Load the new code, and let the new set of plugins check a configuration.

        Nothing is closed or opened yet.

        Raises:
            PluginError, ConfigError: something is wrong; the new code has been dropped. A plugin
                that cannot be loaded is listed with its error.
        """
        try:
            if self._only is None:
                self._rescan()
            elif self._only.path is not None:
                path = self._only.path
                folders = self._sources.folders.items()
                insecure = any(
                    options.insecure for root, options in folders if root in path.parents
                )
                self._load(PluginRecord(self._only.name, None, path=path), insecure)
            if self._problems:
                raise combine_problems(self._problems)
            plugins = PluginSet(self._records.values())
            plugins.check(self._sources.disabled & set(plugins.records))
            plugins.configure(config)
        except BaseException as exc:
            self.rollback()
            self._list_failed(self._problems or self._find_culprit(exc))
            raise
        self._new = plugins

    async def commit(self, restore: Callable[[], object] | None = None) -> None:
        """Close, replace and open plugins.

        Args:
            restore: called when the change has failed, before the old plugins are opened again.

        Raises:
            PluginError: new code did not open; the old plugins are back and open again.
            Closing: the kernel is shutting down.
        """
        opened = {name: record.opened for name, record in self._old.records.items()}
        try:
            await self._replace(restore)
        except BaseException as exc:
            self.rollback()
            self._list_failed(each for each in self._find_culprit(exc) if self._is_new(each[0]))
            raise
        self._forget_replaced()
        if self._only is None:
            for name, record in self._new.records.items():
                if record.state == "open" and record.opened == opened.get(name):
                    restart_application(record.plugin)

    def rollback(self) -> None:
        """Drop the new code; for a change that has been prepared and will not be committed."""
        for record in self._get_changed():
            if record.package is not None:
                importer.forget(record.package)

    # Loading

    def _rescan(self) -> None:
        """Load new and changed plugins from the folders; drop those whose folder is gone."""
        disabled = self._sources.disabled
        found = {
            path: options.insecure
            for root, options in self._sources.folders.items()
            for path in folder.find_plugins(root, options, disabled=disabled)
        }
        for record in self._old.records.values():
            if record.path is not None and record.path not in found:
                del self._records[record.name]
        for path, insecure in found.items():
            self._update(path, insecure, path.name in disabled)

    def _update(self, path: Path, insecure: bool, disabled: bool) -> None:
        known = self._records.get(path.name)
        if known is not None and disabled:
            return
        if known is None or known.path != path:
            self._load(PluginRecord(path.name, None, path=path), insecure, disabled)
        elif not folder.is_current(known):
            self._load(PluginRecord(path.name, None, path=path), insecure)

    def _load(self, record: PluginRecord, insecure: bool, disabled: bool = False) -> None:
        """Load one folder plugin; if that fails, add a problem and keep the old record."""
        before = self._records.pop(record.name, None)
        try:
            if before is not None and before.path != record.path:
                raise record.plugin_error(
                    "a plugin of this name is already there: rename or remove one"
                )
            if disabled:
                record.state = "disabled"
            else:
                folder.load(record, insecure=insecure)
                if before is not None:
                    record.opened = before.opened
                    record.state = "closed" if before.state == "closed" else "loaded"
        except PluginError as exc:
            record.state, record.error = "failed", exc.reason
            self._problems.append((record, exc.reason))
            if before is not None:
                record = before
        self._records[record.name] = record

    def _get_changed(self) -> list[PluginRecord]:
        """The plugins that are new, or have new code."""
        old = self._old.records
        return [record for name, record in self._records.items() if record is not old.get(name)]

    def _forget_replaced(self) -> None:
        for name, record in self._old.records.items():
            if record is not self._records.get(name) and record.package is not None:
                importer.forget(record.package)

    # Failing

    def _find_culprit(self, exc: BaseException) -> list[Problem]:
        """Return the plugins whose new code an error names, as records without that code."""
        if not isinstance(exc, PluginError):
            return []
        reasons = exc.reasons
        return [
            (PluginRecord(each.name, None, path=each.path, state="failed", error=reason), reason)
            for each in self._get_changed()
            if (reason := reasons.get(each.name)) is not None
        ]

    def _list_failed(self, problems: Iterable[Problem]) -> None:
        """Show the errors in the list of plugins."""
        plugins = self._runner.plugins
        for record, reason in problems:
            known = plugins.records.get(record.name)
            if known is None:
                plugins.add(record)
            else:
                known.error = reason

    def _is_new(self, record: PluginRecord) -> bool:
        """Whether no older code of this name is back; the record of that says so itself."""
        known = self._runner.plugins.records.get(record.name)
        return known is None or known.plugin is None

    # Replacing

    async def _replace(self, restore: Callable[[], object] | None) -> None:
        runner, old, new = self._runner, self._old.records, self._new.records
        to_close = {name for name, record in old.items() if record is not new.get(name)}
        if self._only is not None:
            to_close.add(self._only.name)
        to_open = {name for name in new if name not in old}
        # New code may repair a plugin that failed.
        to_open |= {name for name in to_close if old[name].state == "failed"}
        for name in runner.running_names():
            if name in to_close or not to_close.isdisjoint(find_requirements(name, old)):
                to_open.add(name)
                await runner.close(name)
        runner.replace(self._new)
        try:
            await runner.open_all(to_open)
        except (PluginError, Closing) as exc:
            await self._reopen_old(to_open, exc, restore)
            raise

    async def _reopen_old(
        self, closed: Collection[str], cause: GafferError, restore: Callable[[], object] | None
    ) -> None:
        runner = self._runner
        for name in runner.running_names():
            if name in closed:
                await runner.close(name)
        runner.replace(self._old)
        if restore is not None:
            restore()
        for record in list(self._old.records.values()):
            if record.name in closed and record.state == "closed":
                try:
                    await runner.open(record)
                except Closing:
                    return
                except GafferError as exc:
                    log.error("%s", exc)
                else:
                    record.error = f"the plugins before a change are back: {cause}"
