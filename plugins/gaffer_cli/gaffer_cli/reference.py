"""`python -m gaffer_cli.reference`: prints docs/commands.md, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gaffer_cli.group import Verbs
from gaffer_cli.programs import make_gaffer, make_gafferctl

_WIDTH = 100
_HEAD = """# Commands

`gaffer` runs the programs of a Procfile, here or on a gafferd; `gafferctl` controls and watches a
gafferd. Both come with [gaffer-cli](../plugins/gaffer_cli/README.md). This page is what they say of
themselves: `gaffer help`, `gaffer help scale`. Plugins can bring verbs of their own
([hooks.md](hooks.md))."""


def reference() -> str:
    """The page."""
    return "\n\n".join([_HEAD, *_of(make_gaffer()), *_of(make_gafferctl())]) + "\n"


def _of(program: Verbs) -> Iterator[str]:
    with _context(program) as ctx:
        yield f"## {program.name}\n\n{_help(ctx)}"
        for name in program.list_commands(ctx):
            verb = program.get_command(ctx, name)
            assert verb is not None
            with _context(verb, ctx, name) as of_verb:
                yield f"### {program.name} {name}\n\n{_help(of_verb)}"


def _context(
    command: click.Command, parent: click.Context | None = None, name: str | None = None
) -> click.Context:
    return command.context_class(
        command,
        parent,
        name or command.name,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        **command.context_settings,
    )


def _help(ctx: click.Context) -> str:
    return f"```text\n{ctx.get_help().rstrip()}\n```"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
