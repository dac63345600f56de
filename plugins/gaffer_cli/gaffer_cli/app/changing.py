"""What becomes of a whole application on gafferd."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_client import NotFoundError, Session

from gaffer_cli.app.application import application_name
from gaffer_cli.app.loaded import not_loaded
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import settle


def change(
    run: Invocation, name: str | None, ask: Callable[[Session], object], becomes: str
) -> None:
    """Have an application changed, and say that it is.

    Args:
        run: its options say which application is meant if there is no name.
        name: of the application.
        ask: asks for the change, and waits.
        becomes: what the application is then, in a word.

    Raises:
        Failure: gafferd does not have it.
    """
    app = application_name(run, name)
    server = run.server()
    session = server.session(app)
    try:
        settle(app, lambda: ask(session))
    except NotFoundError:
        raise not_loaded(server, app) from None
    run.show({"ok": True, "app": app}, f"{app!r} {becomes}")
