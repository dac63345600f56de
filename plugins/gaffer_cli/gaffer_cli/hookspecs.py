"""The hook of gaffer-cli: verbs of its commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_kernel.plugin import hookspec

if TYPE_CHECKING:
    from gaffer_cli.verb import Verb


@hookspec
def gaffer_commands() -> Iterable[Verb]:  # type: ignore[empty-body]
    """Add verbs to the commands `gaffer` and `gafferctl`.

    Called, for plugins of installed distributions, when one of the commands lists its verbs or is
    given a verb that it does not have itself; never by gafferd. Implement it with
    `@hookimpl(optionalhook=True)`.

    Returns:
        A `gaffer_cli.Verb` for each; its target is imported when the verb is used.
    """
