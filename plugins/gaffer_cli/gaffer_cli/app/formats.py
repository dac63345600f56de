"""The formats to which an application can be exported, of plugins too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_cli.exit_codes import USAGE, Failure

if TYPE_CHECKING:
    from gaffer_procfile import Exporter


def exporter(name: str) -> Exporter:
    """The exporter of a format.

    Raises:
        Failure: there is none.
        PluginError: two plugins bring one format.
    """
    found = _own().get(name) or _all().get(name)
    if found is None:
        raise Failure(f"no format {name!r}, there are {', '.join(_all())}", USAGE)
    return found


def is_format(name: str) -> bool:
    """Whether there is such a format."""
    return name in _own() or name in _all()


def _own() -> dict[str, Exporter]:
    import gaffer_procfile
    from gaffer_procfile.plugin import plugin as procfile_plugin

    return gaffer_procfile.get_exporters([("procfile", procfile_plugin.gaffer_exporters())])


def _all() -> dict[str, Exporter]:
    # Not at once: it takes every plugin.
    from gaffer_procfile import get_exporters

    from gaffer_cli.plugin_commands import installed

    return get_exporters(installed("formats").call("gaffer_exporters"))
