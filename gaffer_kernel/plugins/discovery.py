"""Plugins that came with installed distributions, found by their entry points."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import PROJECT
from gaffer_kernel.plugins.entry_point import plugin_in
from gaffer_kernel.plugins.record import Record

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint


def installed() -> list[tuple[Record, EntryPoint]]:
    """Every plugin that is installed, sorted by name; nothing is imported yet.

    Raises:
        PluginError: two distributions offer a plugin of the same name.
    """
    # Late: a program that embeds the kernel would pay for it, as much as for pluggy, in vain.
    from importlib_metadata import entry_points

    points = sorted(entry_points(group=PROJECT), key=lambda point: point.name)
    found = [(_record(point), point) for point in points]
    for (record, _), (other, _) in pairwise(found):
        if record.name == other.name:
            raise record.blame(f"is also in {other.distribution} {other.version}: uninstall one")
    return found


def _record(point: EntryPoint) -> Record:
    distribution = point.dist
    if distribution is None:
        return Record(point.name, None)
    return Record(point.name, None, distribution=distribution.name, version=distribution.version)


def load(record: Record, point: EntryPoint) -> object:
    """Import one plugin.

    Raises:
        PluginError: whatever its import raised, with its distribution and version; or it is a class
            that cannot be used.
    """
    try:
        imported: object = point.load()
    except (Exception, SystemExit) as exc:
        raise record.import_error(exc, point.value) from exc
    return plugin_in(record, imported)
