"""What an exporter is, and all those that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gaffer_kernel import GafferError, PluginError

from gaffer_procfile.application import Application


class ExportedFile(NamedTuple):
    """One file of an export.

    Attributes:
        name: without a folder.
        text: what it holds.
    """

    name: str
    text: str


class Exporter(NamedTuple):
    """A format.

    Attributes:
        name: one word, such as `systemd`.
        summary: a line for people.
        export: makes the files of an application; raises ExportError.
    """

    name: str
    summary: str
    export: Callable[[Application], list[ExportedFile]]


class ExportError(GafferError):
    """The format has no way to say something of this application: change that, or the format."""


def by_name(found: Iterable[tuple[str, Iterable[Exporter]]]) -> dict[str, Exporter]:
    """All exporters by their names.

    Args:
        found: plugins and what each brings: `kernel.plugins.call("gaffer_exporters")`.

    Raises:
        PluginError: two have one name.
    """
    exporters: dict[str, tuple[str, Exporter]] = {}
    for plugin, brought in found:
        for exporter in brought:
            if exporter.name in exporters:
                owner = exporters[exporter.name][0]
                raise PluginError(plugin, f"the format {exporter.name} is brought by {owner}, too")
            exporters[exporter.name] = plugin, exporter
    return {name: exporter for name, (_, exporter) in sorted(exporters.items())}
