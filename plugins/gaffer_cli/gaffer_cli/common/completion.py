"""`completion`: print the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gaffer_cli.options import completion_variable

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that makes the shell complete verbs, options and names of jobs.

    \b
    Examples:
      eval "$(gaffer completion bash)"      in ~/.bashrc; the same with gafferctl
      eval "$(gaffer completion zsh)"       in ~/.zshrc
      gaffer completion fish | source       in ~/.config/fish/config.fish
    """
    root = ctx.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    assert root.info_name is not None
    variable = completion_variable(root.info_name)
    click.echo(kind(root.command, {}, root.info_name, variable).source())
