"""`gafferctl shutdown`: stop gafferd."""

from __future__ import annotations

import time

import click
from gaffer_client import BusyError, ClientError, Server

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled

_POLL_INTERVAL = 0.1


@click.command("shutdown")
@wait_options
@click.pass_obj
def command(run: Invocation, wait: Wait) -> None:
    """Stop all processes, then gafferd itself.

    This needs the permission to manage every session. A service manager may start gafferd again.

    \b
    Examples:
      gafferctl shutdown
      gafferctl --connect unix:/run/gaffer.sock shutdown --no-wait
    """
    server = run.server()
    server.shutdown()
    if wait is not None:
        wait_settled("gafferd", lambda: _wait_gone(server, wait))
    run.show({"ok": True}, "ok")


def _wait_gone(server: Server, seconds: float) -> None:
    """Wait until gafferd no longer answers."""
    deadline = time.monotonic() + seconds
    while _answers(server):
        if time.monotonic() > deadline:
            raise CommandError("gafferd: recorded, but it still answers after the time given")
        time.sleep(_POLL_INTERVAL)


def _answers(server: Server) -> bool:
    try:
        server.ping()
    except BusyError:
        return True
    except ClientError:
        return False
    return True
