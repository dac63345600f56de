"""PluginSet: plugins that belong together, checked, put in order, and configured."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, GafferError, PluginError, did_you_mean, shown
from gaffer_kernel.jobs.config import KERNEL_KEYS, NO_OPTIONS
from gaffer_kernel.jobs.options import collect_declarations
from gaffer_kernel.names import PART, PART_RULE
from gaffer_kernel.plugins.dependencies import (
    Problem,
    find_cycles,
    find_missing,
    read_names,
    sort_by_dependency,
)
from gaffer_kernel.plugins.hooks import Hooks
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import PluginRecord


class PluginSet:
    """A set of plugins. A reload makes another one, checks it, and replaces this one by it.

    Args:
        records: the plugins to begin with.

    Attributes:
        records: by name; after `check`, in the order in which they open.
        hooks: the hooks that they implement.
        job_options: the keys that they add to jobs; after `check`.

    Raises:
        PluginError: as `add`.
    """

    def __init__(self, records: Iterable[PluginRecord] = ()) -> None:
        self.records: dict[str, PluginRecord] = {}
        self.hooks = Hooks()
        self.job_options = NO_OPTIONS
        for record in records:
            self.add(record)

    def check_name(self, record: PluginRecord) -> None:
        """Refuse a plugin whose name is taken or invalid.

        Raises:
            PluginError: naming it.
        """
        if not re.fullmatch(PART, record.name):
            raise record.plugin_error(
                f"a plugin is named with {PART_RULE}, not {shown(record.name)}"
            )
        if record.name in self.records:
            raise record.plugin_error(
                "a plugin of this name is already there: rename or remove one"
            )

    def add(self, record: PluginRecord) -> None:
        """Add a plugin; one without code, disabled or broken, is only listed.

        Raises:
            PluginError: the name is taken or invalid, or the plugin cannot be used.
        """
        self.check_name(record)
        if record.plugin is not None:
            _read_declarations(record, record.plugin)
            self.hooks.register(record)
        self.records[record.name] = record

    def check(self, disabled: Iterable[str] = ()) -> None:
        """Put the plugins in order; find everything that is wrong between them.

        Args:
            disabled: names that the user disabled, and which therefore must exist.

        Raises:
            PluginError: all problems in one line.
        """
        problems = [
            *self.hooks.find_problems(),
            *find_missing(self.records),
            *find_cycles(self.records),
            *self._unknown(disabled),
        ]
        if problems:
            raise combine_problems(problems)
        order = sort_by_dependency(self.records)
        for name in order:
            self.records[name] = self.records.pop(name)  # moved to the end, in order
        self.hooks.set_order(order)
        self._collect_job_options()

    def _collect_job_options(self) -> None:
        declared = self.hooks.call_strict("gaffer_job_options", {})
        self.job_options, problems = collect_declarations(declared, (*KERNEL_KEYS, "options"))
        if problems:
            raise combine_problems([(self.records[name], reason) for name, reason in problems])

    def _unknown(self, disabled: Iterable[str]) -> list[Problem]:
        return [
            (
                PluginRecord(name, None),
                f"cannot be disabled, it is not there{did_you_mean(name, self.records)}",
            )
            for name in sorted(set(disabled) - set(self.records))
        ]

    def configure(self, config: Config) -> None:
        """Let each plugin check and convert its part of a configuration.

        Raises:
            ConfigError: a section or key is wrong, or no plugin owns it; the first one is raised.
            PluginError: plugins raised another error; all of them are named.
        """
        config.job_options = self.job_options
        config.forget_asked()
        owned = self._get_owned()
        names = [name for each in owned.values() for name in each]
        config.check_owned(names)
        arguments = self._configure_arguments(config)
        errors = self.hooks.call_and_collect("gaffer_configure", arguments)
        if faults := [error for error in errors.values() if isinstance(error, PluginError)]:
            raise PluginError.combine(faults)
        for error in [*errors.values(), *config.find_unread(names)]:
            raise error

    def find_mistakes(self, config: Config) -> list[GafferError]:
        """Return the errors of all plugins, where `configure` raises the first."""
        config.job_options = self.job_options
        config.forget_asked()
        owned = self._get_owned()
        arguments = self._configure_arguments(config)
        errors = self.hooks.call_and_collect("gaffer_configure", arguments)
        # A plugin that has raised an error has not asked for all its keys.
        read = [name for plugin, names in owned.items() if plugin not in errors for name in names]
        unowned = config.find_unowned(name for names in owned.values() for name in names)
        return [*unowned, *errors.values(), *config.find_unread(read)]

    def find_unread(self, record: PluginRecord, config: Config) -> list[ConfigError]:
        """Return an error for each key of the sections of a plugin that it has not asked for."""
        return config.find_unread(self.hooks.call_one(record, "gaffer_config_sections", {}) or ())

    def _get_owned(self) -> dict[str, list[str]]:
        """Return the sections and keys that each plugin owns."""
        owned = self.hooks.call_strict("gaffer_config_sections", {})
        return {plugin: list(names) for plugin, names in owned}

    def _configure_arguments(self, config: Config) -> dict[str, object]:
        plugins = tuple(record.info() for record in self.records.values())
        return {"config": config, "plugins": plugins}


def _read_declarations(record: PluginRecord, plugin: object) -> None:
    if inspect.isclass(plugin):
        raise record.plugin_error(f"give an instance, {plugin.__name__}(), not the class")
    try:
        record.requires = read_names(plugin, "gaffer_requires")
        record.after = read_names(plugin, "gaffer_after")
        record.events = read_names(plugin, "gaffer_events")
        if isinstance(plugin, Plugin):
            record.mandatory = read_names(plugin, "mandatory")
            record.description = plugin.description
    except TypeError as exc:
        raise record.plugin_error(str(exc)) from exc


def combine_problems(problems: list[Problem]) -> PluginError:
    """Make one error of several problems."""
    return PluginError.combine(record.plugin_error(reason) for record, reason in problems)
