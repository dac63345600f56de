"""`python -m gaffer_cli.reference`: print docs/commands.md, generated from the commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gaffer_cli.group import VerbGroup
from gaffer_cli.programs import make_gaffer, make_gafferctl

_WIDTH = 100
_HEAD = """# Commands

`gaffer` runs the programs of a Procfile, here or on a gafferd.
`gafferctl` controls and watches a gafferd.
Both come with [gaffer-cli](../plugins/gaffer_cli/README.md).
This page is generated from their help: `gaffer help`, `gaffer help scale`.
Plugins can add verbs of their own ([hooks.md](hooks.md))."""


def reference() -> str:
    """Return the page."""
    return "\n\n".join([_HEAD, *_sections(make_gaffer()), *_sections(make_gafferctl())]) + "\n"


def _sections(program: VerbGroup) -> Iterator[str]:
    with _context(program) as ctx:
        yield f"## {program.name}\n\n{_help(ctx)}"
        for name in program.list_commands(ctx):
            verb = program.get_command(ctx, name)
            assert verb is not None
            with _context(verb, ctx, name) as verb_context:
                yield f"### {program.name} {name}\n\n{_help(verb_context)}"


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
    return f"```text\n{click.unstyle(ctx.get_help()).rstrip()}\n```"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
