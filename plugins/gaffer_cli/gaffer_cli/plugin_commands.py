"""Verbs of the plugins of installed distributions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import click

from gaffer_cli.verb import Verb

if TYPE_CHECKING:
    from gaffer_kernel import Plugins


def get_plugin_verbs(program: str) -> dict[str, Verb]:
    """Return the verbs that plugins add to a program, by name.

    A broken plugin is reported in a line on standard error; the verbs of the others remain.
    """
    return {verb.name: verb for verb in _all() if verb.program == program}


def load_plugins(contribution: str) -> Plugins:
    """Load the plugins of installed distributions, except broken ones.

    Args:
        contribution: the plural of what the plugins contribute, for the line that reports a broken
            one.
    """
    # Imported here because it loads the kernel and every plugin.
    from gaffer_kernel import PluginError, Plugins

    broken: set[str] = set()
    while True:
        plugins = Plugins()
        try:
            plugins.discover(broken)
        except PluginError as error:
            found = error.reasons.keys()
            for problem in error.problems:
                click.echo(f"{problem}; its {contribution} are missing", err=True)
            if found <= broken:
                return Plugins()
            broken |= found
        else:
            return plugins


@cache
def _all() -> list[Verb]:
    return list(_named(load_plugins("verbs").call("gaffer_commands")))


def _named(found: Iterable[tuple[str, Iterable[Verb]]]) -> Iterable[Verb]:
    for plugin, verbs in found:
        for verb in verbs:
            yield verb._replace(summary=f"{verb.summary} ({plugin})")
