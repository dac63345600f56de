"""`help`: show the help of a verb."""

from __future__ import annotations

import click


@click.command("help")
@click.argument("verb", required=False)
@click.pass_context
def command(ctx: click.Context, verb: str | None) -> None:
    """Show the help of a verb, or the list of all verbs.

    \b
    Examples:
      gaffer help scale
      gafferctl help status
    """
    program = ctx.parent
    assert program is not None
    assert isinstance(program.command, click.Group)
    if verb is None:
        click.echo(program.get_help())
        return
    found = program.command.resolve_command(program, [verb])[1]
    assert found is not None
    with found.context_class(found, parent=program, info_name=verb) as verb_context:
        click.echo(found.get_help(verb_context))
