"""`gaffer restart`: have gafferd replace the processes of an application."""

from __future__ import annotations

import click

from gaffer_cli.app.changing import change
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import SESSION
from gaffer_cli.waiting import Wait, waiting


@click.command("restart")
@click.argument("name", type=SESSION, required=False)
@waiting
@click.pass_obj
def command(run: Invocation, name: str | None, wait: Wait) -> None:
    """Replace all processes of the application NAME on gafferd, the new ones first.

    That is how they get new code; a Procfile that has changed is taken by unload and load. Without
    a name, or with ., it is the application of this folder.

    \b
    Examples:
      gaffer restart
      gaffer restart shop
    """
    change(run, name, lambda session: session.restart(wait), "restarted")
