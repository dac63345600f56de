"""gaffer-cli as a plugin: it brings `gaffer_commands`, for others to implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

if TYPE_CHECKING:
    import pluggy


@hookimpl
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Bring `gaffer_commands`."""
    from gaffer_cli import hookspecs

    pluginmanager.add_hookspecs(hookspecs)
