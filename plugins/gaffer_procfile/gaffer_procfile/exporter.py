"""The interface of export formats, and the collection of all formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gaffer_kernel import GafferError, PluginError

from gaffer_procfile.application import Application


class ExportedFile(NamedTuple):
    """One file of an export.

    Attributes:
        name: its name, without a folder.
        text: its content.
    """

    name: str
    text: str


class Exporter(NamedTuple):
    """A format.

    Attributes:
        name: one word, such as `systemd`.
        summary: one line for people.
        export: creates the files for an application; raises ExportError.
    """

    name: str
    summary: str
    export: Callable[[Application], list[ExportedFile]]


class ExportError(GafferError):
    """The format cannot express this application. Change the application or use another format."""


def get_exporters(found: Iterable[tuple[str, Iterable[Exporter]]]) -> dict[str, Exporter]:
    """Return the exporters of all plugins, by name.

    Args:
        found: plugin names with their exporters: `kernel.plugins.call("gaffer_exporters")`.

    Raises:
        PluginError: two exporters have the same name.
    """
    exporters: dict[str, tuple[str, Exporter]] = {}
    for plugin, contributed in found:
        for exporter in contributed:
            if exporter.name in exporters:
                owner = exporters[exporter.name][0]
                message = f"the format {exporter.name} exists already, from plugin {owner}"
                raise PluginError(plugin, message)
            exporters[exporter.name] = plugin, exporter
    return {name: exporter for name, (_, exporter) in sorted(exporters.items())}
