"""Verbs that plugins of installed distributions bring."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import click

from gaffer_cli.verb import Verb

if TYPE_CHECKING:
    from gaffer_kernel import Plugins


def contributed(program: str) -> dict[str, Verb]:
    """The verbs that plugins bring to a program, by name.

    A plugin that is broken is named in a line on standard error, and the others count.
    """
    return {verb.name: verb for verb in _all() if verb.program == program}


def installed(wanted: str) -> Plugins:
    """The plugins of installed distributions, without those that are broken.

    Args:
        wanted: what is expected of them, for the line that says which are broken.
    """
    # Late: it takes the kernel and every plugin.
    from gaffer_kernel import PluginError, Plugins

    broken: set[str] = set()
    while True:
        plugins = Plugins()
        try:
            plugins.discover(broken)
        except PluginError as error:
            click.echo(f"{error}; its {wanted} are missing", err=True)
            if error.plugin in broken:
                return Plugins()
            broken.add(error.plugin)
        else:
            return plugins


@cache
def _all() -> list[Verb]:
    return list(_named(installed("verbs").call("gaffer_commands")))


def _named(found: Iterable[tuple[str, Iterable[Verb]]]) -> Iterable[Verb]:
    for plugin, verbs in found:
        for verb in verbs:
            yield verb._replace(summary=f"{verb.summary} ({plugin})")
