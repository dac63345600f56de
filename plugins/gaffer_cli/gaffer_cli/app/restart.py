"""`gaffer restart`: replace the processes of an application in gafferd."""

from __future__ import annotations

import click

from gaffer_cli.app.loaded import change_application
from gaffer_cli.arguments import SESSION
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options


@click.command("restart")
@click.argument("name", type=SESSION, required=False)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str | None, wait: Wait) -> None:
    """Replace all processes of the application NAME in gafferd, the new ones first.

    The new processes run new code; to apply a changed Procfile, use unload and load. Without a
    name, or with ., NAME is the application of this folder.

    \b
    Examples:
      gaffer restart
      gaffer restart shop
    """
    change_application(
        run,
        name,
        lambda session: session.restart(wait),
        "restarted",
        starts=wait is not None,
    )
