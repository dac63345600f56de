"""Changing the plugins of a kernel that runs: one change at a time, all of it or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from gaffer_kernel.config import Config
from gaffer_kernel.errors import NotFound
from gaffer_kernel.plugins.dependencies import Problem
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.plugin_set import Roster, all_in_one
from gaffer_kernel.plugins.record import Record
from gaffer_kernel.plugins.reload import Renewal, Roots
from gaffer_kernel.plugins.runner import Runner


class Changing:
    """What becomes of the plugins when their files or the configuration have changed.

    Args:
        roster: the plugins as they are; a change is made to it.
        runner: closes and opens them.
        roots: the folders of plugins.
        disabled: names to leave alone.

    The last two are those of `Plugins`, which adds to them.
    """

    def __init__(self, roster: Roster, runner: Runner, roots: Roots, disabled: set[str]) -> None:
        self._roster = roster
        self._runner = runner
        self._roots = roots
        self._disabled = disabled

    async def alone(self, change: Callable[[], Awaitable[None]]) -> None:
        """Await a change of the plugins: one at a time, and to its end, even if cancelled.

        Raises what the change raises.
        """
        await self._runner.turn.alone(change)

    async def reload(self, name: str) -> None:
        """Import one plugin anew, close and open it. See Plugins.reload; call it in `alone`."""
        record = self._roster.records.get(name)
        if record is None:
            raise NotFound("plugin", name)
        config = self._runner.running_kernel(record).config.again(read=False)
        renewal = Renewal(self._roster)
        if record.path is not None:
            insecure = any(
                terms.insecure for root, terms in self._roots.items() if root in record.path.parents
            )
            renewal.load(Record(name, None, path=record.path), insecure)
        await self._exchange(renewal, self._renewed(renewal, config), {name}, _nothing)

    async def rescan(self) -> None:
        """Take up what has changed in the folders. See Plugins.rescan; call it in `alone`."""
        config = self._runner.running_kernel(Record("folder", None)).config.again(read=False)
        await self.adopt(*self.look_again(config), _nothing)

    def look_again(self, config: Config) -> tuple[Renewal, Roster]:
        """Load what has changed in the folders, and let all plugins check a configuration.

        Nothing is closed or opened yet; `adopt` does that.

        Raises:
            PluginError, ConfigError: something is wrong; what was loaded is forgotten. A plugin
                that cannot be loaded is in the list with its error.
        """
        renewal = Renewal(self._roster)
        renewal.rescan(self._roots, self._disabled)
        return renewal, self._renewed(renewal, config)

    def _renewed(self, renewal: Renewal, config: Config) -> Roster:
        """The set of plugins that a renewal leads to, checked and configured."""
        try:
            if renewal.problems:
                raise all_in_one(renewal.problems)
            roster = Roster(renewal.records.values())
            roster.check(self._disabled & set(roster.records))
            roster.configure(config)
        except BaseException as exc:
            renewal.discard()
            self._note(renewal.problems or renewal.culprit(exc))
            raise
        return roster

    def _note(self, problems: Iterable[Problem]) -> None:
        for record, reason in problems:
            known = self._roster.records.get(record.name)
            if known is None:
                self._roster.add(record)
            else:
                known.error = reason

    async def adopt(
        self, renewal: Renewal, roster: Roster, take_back: Callable[[], object]
    ) -> None:
        """Close, change and open as a renewal wants it; what stays open restarts.

        Call it inside `alone`.

        Args:
            renewal, roster: from `look_again`.
            take_back: called when the change has failed, before the old plugins are opened again.

        Raises:
            PluginError: new code does not open; the old plugins have been put back and opened.
            Closing: the kernel is shutting down.
        """
        lives = {name: record.opened for name, record in self._roster.records.items()}
        await self._exchange(renewal, roster, set(), take_back)
        for name, record in self._roster.records.items():
            stayed = record.state == "open" and record.opened == lives.get(name)
            if stayed and isinstance(record.plugin, Plugin):
                record.plugin._restart()

    async def _exchange(
        self,
        renewal: Renewal,
        roster: Roster,
        leaving: set[str],
        take_back: Callable[[], object],
    ) -> None:
        try:
            await self._runner.exchange(roster, leaving, take_back)
        except BaseException as exc:
            renewal.discard()
            self._note(each for each in renewal.culprit(exc) if self._is_new(each[0].name))
            raise
        renewal.settle()

    def _is_new(self, name: str) -> bool:
        """Whether nothing of this name was put back, which would say so itself."""
        known = self._roster.records.get(name)
        return known is None or known.plugin is None


def _nothing() -> None:
    pass
