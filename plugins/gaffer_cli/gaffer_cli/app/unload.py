"""`gaffer unload`: have gafferd run an application no more."""

from __future__ import annotations

import click
from gaffer_client import NotFound

from gaffer_cli.app.application import application_name
from gaffer_cli.app.loaded import not_loaded
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import SESSION
from gaffer_cli.waiting import Wait, settle, waiting


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
    app = application_name(run, name)
    server = run.server()
    session = server.session(app)
    try:
        settle(app, lambda: session.unload(wait))
    except NotFound:
        raise not_loaded(server, app) from None
    run.show({"ok": True, "app": app}, f"{app!r} unloaded")
