"""`gaffer unload`: have gafferd run an application no more."""

from __future__ import annotations

import click

from gaffer_cli.app.changing import change
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import SESSION
from gaffer_cli.waiting import Wait, waiting


@click.command("unload")
@click.argument("name", type=SESSION, required=False)
@waiting
@click.pass_obj
def command(run: Invocation, name: str | None, wait: Wait) -> None:
    """Stop the application NAME on gafferd, and remove it.

    Without a name, or with ., it is the one of this folder.

    \b
    Examples:
      gaffer unload
      gaffer unload shop
    """
    change(run, name, lambda session: session.unload(wait), "unloaded")
