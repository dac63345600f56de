"""The description of a verb, before its command is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import click


Reach = Literal["here", "local", "one", "all", "lookup"]
"""Where a verb sends requests: nowhere; to the gafferd of this machine; to one gafferd; to one or,
with `--lookup`, to all nodes; to lookupds."""


class Verb(NamedTuple):
    """A verb of a command, such as `ps` of `gaffer`.

    Attributes:
        program: `gaffer` or `gafferctl`.
        name: one word.
        summary: a line for the list of verbs, in the imperative.
        target: `package.module:attribute`, a click.Command; imported when the verb is used. The
            `obj` of its context is the Invocation, with `server()` and `show()`.
        reach: where it sends requests.
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
