"""What a verb is, before it is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import click


Reach = Literal["here", "local", "one", "all", "lookup"]
"""Whom a verb asks: nobody; the gafferd of this machine; one gafferd; one or, with `--lookup`, all
that there are; lookupds."""


class Verb(NamedTuple):
    """A verb of a command, such as `ps` of `gaffer`.

    Attributes:
        program: `gaffer` or `gafferctl`.
        name: one word.
        summary: a line for the list of verbs.
        target: `package.module:attribute`, a click.Command; imported when the verb is used. Its
            context's `obj` is the Invocation, with `server()` and `show()`.
        reach: whom it asks.
    """

    program: str
    name: str
    summary: str
    target: str
    reach: Reach = "one"

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            Exception: whatever the import raises.
        """
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
