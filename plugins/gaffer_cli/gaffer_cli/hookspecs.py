"""The hook that gaffer-cli brings: verbs of its commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_kernel.plugin import hookspec

if TYPE_CHECKING:
    from gaffer_cli.verb import Verb


@hookspec
def gaffer_commands() -> Iterable[Verb]:  # type: ignore[empty-body]
    """Bring verbs to the commands `gaffer` and `gafferctl`.

    Called when one of them lists its verbs, or is asked for one that it does not bring itself;
    never by gafferd. Plugins of installed distributions are asked. Implement it with
    `@hookimpl(optionalhook=True)`.

    Returns:
        A `gaffer_cli.Verb` for each; what it names is imported when it is used.
    """
