"""Verbs that plugins of installed distributions bring."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import click

from gaffer_cli.verb import Verb


def contributed(program: str) -> dict[str, Verb]:
    """The verbs that plugins bring to a program, by name.

    A plugin that is broken is named in a line on standard error, and the others count.
    """
    return {verb.name: verb for verb in _all() if verb.program == program}


@cache
def _all() -> list[Verb]:
    # Late: it takes the kernel and every plugin.
    from gaffer_kernel.errors import PluginError
    from gaffer_kernel.plugins import Plugins

    broken: set[str] = set()
    while True:
        plugins = Plugins()
        try:
            plugins.discover(broken)
            return list(_named(plugins.call("gaffer_commands")))
        except PluginError as error:
            click.echo(f"{error}; its verbs are missing", err=True)
            if error.plugin in broken:
                return []
            broken.add(error.plugin)


def _named(found: Iterable[tuple[str, Iterable[Verb]]]) -> Iterable[Verb]:
    for plugin, verbs in found:
        for verb in verbs:
            yield verb._replace(summary=f"{verb.summary} ({plugin})")
