"""Argument types: types of processes, which the shell completes from the Procfile."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem
from gaffer_client.names import JobName

from gaffer_cli.app.application import HERE, get_procfile
from gaffer_cli.arguments import get_completions
from gaffer_cli.invocation import Invocation

# The last operator counts, because the name of a type may contain dashes and end in digits.
_CHANGE = re.compile(r"(?P<type>[A-Za-z0-9_+-]+)(?P<change>[=+-][0-9]{1,9})")


class Change(NamedTuple):
    """A change of the number of processes of a type: `=3`, `+2` or `-1`."""

    type: str
    change: str


def parse_change(word: str) -> Change | None:
    """Parse a word such as `web=3`; return None if it is not a change."""
    match = _CHANGE.fullmatch(word)
    return match and Change(match["type"], match["change"])


class ProcessTypeParam(click.ParamType[str]):
    """A type of the Procfile."""

    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        words = ctx.params.get(param.name or "") or ()
        names = self.get_names(ctx.ensure_object(Invocation), words)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def get_names(self, run: Invocation, words: tuple[str, ...]) -> list[str]:
        """Return the possible values.

        Args:
            run: the invocation, whose options name the Procfile.
            words: the values of this argument before the one that is completed.
        """
        return _read_types(run)


class ScaleChangeParam(ProcessTypeParam):
    """`web=3`, `web+2` or `web-1`; an application before it changes whose types are completed."""

    name = "change"

    def get_names(self, run: Invocation, words: tuple[str, ...]) -> list[str]:
        types = _read_types(run)
        # bash passes `web=3` as three words.
        if words and words[0] not in (HERE, *types) and parse_change(words[0]) is None:
            jobs = get_completions(run, lambda server: server.session(words[0]).jobs())
            types = [JobName.parse(each).name for each in jobs]
        # With three candidates for each type, the shell does not append a space to the type.
        return [f"{each}{operator}" for each in types for operator in "=+-"]


def _read_types(run: Invocation) -> list[str]:
    from gaffer_kernel import ConfigError
    from gaffer_procfile import Procfile

    try:
        return list(Procfile.read(get_procfile(run)).entries)
    except ConfigError:
        # An error message would appear inside the line that the user types.
        return []


TYPE = ProcessTypeParam()
CHANGE = ScaleChangeParam()
