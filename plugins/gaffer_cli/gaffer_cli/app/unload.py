"""`gaffer unload`: unload an application from gafferd."""

from __future__ import annotations

import click

from gaffer_cli.app.loaded import change_application
from gaffer_cli.arguments import SESSION
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options


@click.command("unload")
@click.argument("name", type=SESSION, required=False)
@wait_options
@click.pass_obj
def command(run: Invocation, name: str | None, wait: Wait) -> None:
    """Stop the application NAME in gafferd and remove it.

    Without a name, or with ., NAME is the application of this folder.

    \b
    Examples:
      gaffer unload
      gaffer unload shop
    """
    change_application(run, name, lambda session: session.unload(wait), "unloaded")
