"""One set of plugins that belong together: what is known of them, and their hooks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

from gaffer_kernel.config import Config
from gaffer_kernel.errors import PluginError, did_you_mean, shown
from gaffer_kernel.names import PART, PART_RULE
from gaffer_kernel.plugins import dependencies as order
from gaffer_kernel.plugins.dependencies import Problem
from gaffer_kernel.plugins.hooks import Hooks
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import Record


class Roster:
    """A set of plugins. Another one can be made, tried, and then taken over as a whole.

    Args:
        records: the plugins to begin with.

    Attributes:
        records: by name; after `check`, in the order in which they open.
        hooks: what they implement.

    Raises:
        PluginError: as `add`.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records: dict[str, Record] = {}
        self.hooks = Hooks(self.records)
        for record in records:
            self.add(record)

    def check_name(self, record: Record) -> None:
        """Refuse a plugin whose name is taken or impossible.

        Raises:
            PluginError: naming it.
        """
        if not re.fullmatch(PART, record.name):
            raise record.blame(f"a plugin is named with {PART_RULE}, not {shown(record.name)}")
        if record.name in self.records:
            raise record.blame("a plugin of this name is already there: rename or remove one")

    def add(self, record: Record) -> None:
        """Add a plugin; one without code, disabled or broken, is only listed.

        Raises:
            PluginError: the name is taken or impossible, or the plugin cannot be used.
        """
        self.check_name(record)
        if record.plugin is not None:
            _declare(record, record.plugin)
            self.hooks.register(record)
        self.records[record.name] = record

    def check(self, disabled: Iterable[str] = ()) -> None:
        """Put the plugins in order; find everything that is wrong between them.

        Args:
            disabled: names that were to be disabled, and therefore have to be there.

        Raises:
            PluginError: all problems in one line.
        """
        problems = [
            *self.hooks.problems(),
            *order.absences(self.records),
            *order.cycles(self.records),
            *self._unknown(disabled),
        ]
        if problems:
            raise all_in_one(problems)
        for name in order.ordered(self.records):
            self.records[name] = self.records.pop(name)  # to the end, each in its turn
        self.hooks.forget()

    def _unknown(self, disabled: Iterable[str]) -> list[Problem]:
        return [
            (Record(name, None), f"cannot be disabled, it is not there{self._hint(name)}")
            for name in sorted(set(disabled) - set(self.records))
        ]

    def _hint(self, name: str) -> str:
        return did_you_mean(name, self.records)

    def configure(self, config: Config) -> None:
        """Let each plugin check and convert its part of a configuration.

        Raises:
            ConfigError: a section or key is wrong, or nobody's.
            PluginError: a plugin failed at it.
        """
        sections = self.hooks.call_strict("gaffer_config_sections", {})
        config.check_owned(name for _, names in sections for name in names)
        plugins = tuple(record.info() for record in self.records.values())
        self.hooks.call_strict("gaffer_configure", {"config": config, "plugins": plugins})

    def copy(self) -> Roster:
        """The same set, to return to."""
        other = Roster()
        other.become(self)
        return other

    def become(self, other: Roster) -> None:
        """Take over another set. Whoever has this object calls its plugins from now on."""
        records = dict(other.records)
        self.records.clear()
        self.records.update(records)
        self.hooks.take_over(other.hooks)


def _declare(record: Record, plugin: object) -> None:
    if inspect.isclass(plugin):
        raise record.blame(f"give an instance, {plugin.__name__}(), not the class")
    try:
        record.requires = order.declared(plugin, "gaffer_requires")
        record.after = order.declared(plugin, "gaffer_after")
        if isinstance(plugin, Plugin):
            record.mandatory = order.declared(plugin, "mandatory")
            record.description = plugin.description
    except TypeError as exc:
        raise record.blame(str(exc)) from exc


def all_in_one(problems: list[Problem]) -> PluginError:
    """One error for several problems."""
    (first, reason), *others = problems
    return first.blame("; ".join([reason, *(str(record.blame(why)) for record, why in others)]))
