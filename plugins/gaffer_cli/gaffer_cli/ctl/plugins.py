"""`gafferctl plugins`: show, open, close and reload the plugins of a gafferd."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click
from gaffer_client import PluginInfo, Server

from gaffer_cli.arguments import PLUGIN
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable
from gaffer_cli.table import format_table

_ALL: dict[str, Callable[[Server], list[PluginInfo]]] = {
    "list": lambda server: server.plugins(),
    "rescan": lambda server: server.rescan_plugins(),
}
_ONE: dict[str, Callable[[Server, str], PluginInfo]] = {
    "open": lambda server, name: server.open_plugin(name),
    "close": lambda server, name: server.close_plugin(name),
    "reload": lambda server, name: server.reload_plugin(name),
}


@click.command("plugins")
@click.argument("what", type=click.Choice([*_ALL, *_ONE]), default="list")
@click.argument("name", type=PLUGIN, required=False)
@click.pass_context
def command(ctx: click.Context, what: str, name: str | None) -> None:
    """Show the plugins of gafferd, or open, close or reload the plugin NAME while gafferd runs.

    \b
    open     open it, after the plugins that it requires
    close    close it, after the plugins that require it
    reload   close and open it; a plugin in a folder gets its new code
    rescan   apply all additions, changes and removals in the folders of plugins
    No process is touched. A change that fails changes nothing.

    \b
    Examples:
      gafferctl plugins
      gafferctl plugins reload port
      gafferctl plugins close stats
    """
    if (name is None) != (what in _ALL):
        ctx.fail(f"{what} takes {'no' if name else 'the'} name of a plugin")
    run = ctx.ensure_object(Invocation)
    if name is None:
        found = _ALL[what](run.server())
        run.show(found, _table(found))
    else:
        plugin = _ONE[what](run.server(), name)
        run.show(plugin, f"{plugin.name}: {_state(plugin)}")


def _table(plugins: list[PluginInfo]) -> Iterator[str]:
    return format_table(
        ["NAME", "VERSION", "STATE", "FROM", "DESCRIPTION"],
        [
            [
                plugin.name,
                printable(plugin.version or "-"),
                plugin.state,
                printable(plugin.distribution or plugin.path or "-"),
                printable(plugin.error or plugin.description),
            ]
            for plugin in plugins
        ],
    )


def _state(plugin: PluginInfo) -> str:
    return f"{plugin.state}, {printable(plugin.error)}" if plugin.error else plugin.state
