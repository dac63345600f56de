"""What has changed in the folders of plugins, and the set of plugins that follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from gaffer_kernel.errors import PluginError
from gaffer_kernel.plugins import folder
from gaffer_kernel.plugins import importer as source
from gaffer_kernel.plugins.dependencies import Problem
from gaffer_kernel.plugins.plugin_set import Roster
from gaffer_kernel.plugins.record import Record

Roots = Mapping[Path, folder.Terms]
"""The folders of plugins, and how each is taken."""


class Renewal:
    """The plugins as their folders have them now; nothing is changed by making one.

    Args:
        roster: the plugins as they are.

    Attributes:
        records: the plugins as they would be; what did not change is the same object.
        problems: plugins whose code cannot be loaded.
    """

    def __init__(self, roster: Roster) -> None:
        self.records = dict(roster.records)
        self.problems: list[Problem] = []
        self._before = dict(roster.records)

    def rescan(self, roots: Roots, disabled: Collection[str]) -> None:
        """Load what is new or has changed in the folders, and drop what is gone.

        Args:
            roots: where to look.
            disabled: names to leave alone.

        Raises:
            PluginError: a folder cannot be read, or somebody else could change it.
        """
        there = {
            place: terms.insecure
            for root, terms in roots.items()
            for place in folder.folders(root, terms, disabled=disabled)
        }
        for record in self._before.values():
            if record.path is not None and record.path not in there:
                del self.records[record.name]
        for place, insecure in there.items():
            self._look(place, insecure, place.name in disabled)

    def _look(self, place: Path, insecure: bool, disabled: bool) -> None:
        known = self.records.get(place.name)
        if known is not None and disabled:
            return
        if known is None or known.path != place:
            self.load(Record(place.name, None, path=place), insecure, disabled)
        elif not _is_current(known):
            self.load(Record(place.name, None, path=place), insecure)

    def load(self, record: Record, insecure: bool, disabled: bool = False) -> None:
        """Load one plugin of a folder; if that fails it is a problem, and otherwise as before."""
        before = self.records.pop(record.name, None)
        try:
            if before is not None and before.path != record.path:
                raise record.blame("a plugin of this name is already there: rename or remove one")
            if disabled:
                record.state = "disabled"
            else:
                folder.load(record, insecure=insecure)
                if before is not None:
                    record.opened = before.opened
                    record.state = "closed" if before.state == "closed" else "loaded"
        except PluginError as exc:
            record.state, record.error = "failed", exc.reason
            self.problems.append((record, exc.reason))
            if before is not None:
                record = before
        self.records[record.name] = record

    @property
    def fresh(self) -> list[Record]:
        """The plugins that are new, or have new code."""
        return [each for name, each in self.records.items() if each is not self._before.get(name)]

    def culprit(self, exc: BaseException) -> list[Problem]:
        """The plugin whose new code an error names, as it is listed: without that code."""
        if not isinstance(exc, PluginError):
            return []
        return [
            (Record(each.name, None, path=each.path, state="failed", error=exc.reason), exc.reason)
            for each in self.fresh
            if each.name == exc.plugin
        ]

    def discard(self) -> None:
        """Forget the code that was loaded: it is not to be used."""
        for record in self.fresh:
            if record.package is not None:
                source.forget(record.package)

    def settle(self) -> None:
        """Forget the code that was replaced: it is not used any more."""
        for name, record in self._before.items():
            if record is not self.records.get(name) and record.package is not None:
                source.forget(record.package)


def _is_current(record: Record) -> bool:
    assert record.path is not None
    try:
        return record.stamp == folder.stamp(record.path)
    except OSError:
        return False  # Loading it says what is wrong.
