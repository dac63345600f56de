"""`gaffer restart`: have gafferd replace the processes of an application."""

from __future__ import annotations

import click
from gaffer_client import NotFound

from gaffer_cli.app.application import application_name
from gaffer_cli.app.loaded import not_loaded
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import SESSION
from gaffer_cli.waiting import Wait, settle, waiting


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
    app = application_name(run, name)
    server = run.server()
    session = server.session(app)
    try:
        settle(app, lambda: session.restart(wait))
    except NotFound:
        raise not_loaded(server, app) from None
    run.show({"ok": True, "app": app}, f"{app!r} restarted")
