"""Types of processes as arguments of verbs, which the shell completes from the Procfile."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem
from gaffer_client.names import JobName

from gaffer_cli.app.application import HERE, procfile_of
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import ask_soon

# The last operator counts: types can have a dash in their name, and a number at its end.
_CHANGE = re.compile(r"(?P<type>[A-Za-z0-9_+-]+)(?P<change>[=+-][0-9]{1,9})")


class Change(NamedTuple):
    """What is to become of one type: `=3`, `+2` or `-1`."""

    type: str
    change: str


def change_of(word: str) -> Change | None:
    """The change that a word says; None if it says none."""
    match = _CHANGE.fullmatch(word)
    return match and Change(match["type"], match["change"])


class TypeType(click.ParamType[str]):
    """A type of the Procfile."""

    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        names = self.offered(ctx.ensure_object(Invocation), ctx.params.get(param.name or "") or ())
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def offered(self, run: Invocation, words: tuple[str, ...]) -> list[str]:
        """What may stand here.

        Args:
            run: its options say which Procfile.
            words: what stands before it.
        """
        return _types_of_procfile(run)


class ChangeType(TypeType):
    """`web=3`, `web+2` or `web-1`; the types are those of the application that is named before."""

    name = "change"

    def offered(self, run: Invocation, words: tuple[str, ...]) -> list[str]:
        types = _types_of_procfile(run)
        # bash hands on `web=3` as three words.
        if words and words[0] not in (HERE, *types) and change_of(words[0]) is None:
            jobs = ask_soon(run, lambda server: server.session(words[0]).jobs())
            types = [JobName.parse(each).name for each in jobs]
        # As none of them is the end of it, shells put no space behind the type.
        return [f"{each}{operator}" for each in types for operator in "=+-"]


def _types_of_procfile(run: Invocation) -> list[str]:
    from gaffer_kernel import ConfigError
    from gaffer_procfile import Procfile

    try:
        return list(Procfile.read(procfile_of(run)).entries)
    except ConfigError:
        # There is nobody to tell: what is typed stays as it is.
        return []


TYPE = TypeType()
CHANGE = ChangeType()
