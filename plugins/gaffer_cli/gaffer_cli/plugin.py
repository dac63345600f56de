"""The plugin `cli`: it declares the hook `gaffer_commands`, which other plugins implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_kernel import hookimpl

if TYPE_CHECKING:
    import pluggy


class CliPlugin:
    """Lets plugins add verbs to gaffer and gafferctl."""

    name = "cli"

    @hookimpl
    def gaffer_addhooks(self, pluginmanager: pluggy.PluginManager) -> None:
        """Declare `gaffer_commands`."""
        from gaffer_cli import hookspecs

        pluginmanager.add_hookspecs(hookspecs)


plugin = CliPlugin()
