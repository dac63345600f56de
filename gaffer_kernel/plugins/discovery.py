"""The plugins of installed distributions, found by their entry points."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import PROJECT
from gaffer_kernel.plugins.containment import is_interrupt
from gaffer_kernel.plugins.entry_point import get_plugin
from gaffer_kernel.plugins.record import PluginRecord

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint


def find_installed() -> list[tuple[PluginRecord, EntryPoint]]:
    """Find every installed plugin, sorted by name; nothing is imported yet.

    Raises:
        PluginError: two distributions offer a plugin of the same name.
    """
    # Imported late: a program that embeds the kernel does not need it, and the import takes as
    # long as that of pluggy.
    from importlib_metadata import entry_points

    points = sorted(entry_points(group=PROJECT), key=lambda point: point.name)
    found = [(_make_record(point), point) for point in points]
    for (record, _), (other, _) in pairwise(found):
        if record.name == other.name:
            raise record.plugin_error(
                f"is also in {other.distribution} {other.version}: uninstall one"
            )
    return found


def _make_record(point: EntryPoint) -> PluginRecord:
    distribution = point.dist
    if distribution is None:
        return PluginRecord(point.name, None)
    return PluginRecord(
        point.name, None, distribution=distribution.name, version=distribution.version
    )


def load(record: PluginRecord, point: EntryPoint) -> None:
    """Import one plugin; update its record.

    Raises:
        PluginError: its import raised, or it is a class that cannot be used; with distribution and
            version.
    """
    try:
        imported: object = point.load()
    except BaseException as exc:
        if is_interrupt(exc):
            raise
        raise record.import_error(exc, point.value) from exc
    record.plugin = get_plugin(record, imported)
