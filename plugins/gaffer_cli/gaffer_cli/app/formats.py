"""The formats to which an application can be exported, including those of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_cli.exit_codes import USAGE, CommandError

if TYPE_CHECKING:
    from gaffer_procfile import Exporter


def get_exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises:
        CommandError: there is no such format.
        PluginError: two plugins define the same format.
    """
    found = _own().get(name) or _all().get(name)
    if found is None:
        raise CommandError(f"no format {name!r}, there are {', '.join(_all())}", USAGE)
    return found


def is_format(name: str) -> bool:
    """Return whether there is such a format."""
    return name in _own() or name in _all()


def _own() -> dict[str, Exporter]:
    import gaffer_procfile
    from gaffer_procfile.plugin import plugin as procfile_plugin

    return gaffer_procfile.get_exporters([("procfile", procfile_plugin.gaffer_exporters())])


def _all() -> dict[str, Exporter]:
    # Only when needed, because it imports every plugin.
    from gaffer_procfile import get_exporters

    from gaffer_cli.plugin_commands import load_plugins

    return get_exporters(load_plugins("formats").call("gaffer_exporters"))
