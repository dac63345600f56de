"""`gafferctl sessions`: show the sessions; start, stop or restart all jobs of one."""

from __future__ import annotations

from collections.abc import Callable

import click
from gaffer_client import Session

from gaffer_cli.arguments import SESSION
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, watch_session
from gaffer_cli.waiting import Wait, wait_options, wait_settled

_CHANGES: dict[str, Callable[[Session, Wait], bool]] = {
    "start": lambda session, wait: session.start(wait),
    "stop": lambda session, wait: session.stop(wait),
    "restart": lambda session, wait: session.restart(wait),
}


@click.command("sessions")
@click.argument("what", type=click.Choice(["list", *_CHANGES]), default="list")
@click.argument("name", type=SESSION, required=False)
@wait_options
@click.pass_context
def command(ctx: click.Context, what: str, name: str | None, wait: Wait) -> None:
    """Show the sessions, which are groups of jobs, or start, stop or restart all jobs of NAME.

    An application that `gaffer load` has loaded is a session.

    \b
    Examples:
      gafferctl sessions
      gafferctl sessions stop shop
    """
    if (name is None) != (what == "list"):
        ctx.fail(f"{what} takes {'no' if name else 'the'} name of a session")
    run = ctx.ensure_object(Invocation)
    if name is None:
        found = run.server().sessions()
        run.show(found, found)
    else:
        server = run.server()
        watches = {} if what == "stop" or wait is None else watch_session(server, name)
        session = server.session(name)
        wait_settled(name, lambda: _CHANGES[what](session, wait))
        run.show({"ok": True}, check_started(watches) or "ok")
