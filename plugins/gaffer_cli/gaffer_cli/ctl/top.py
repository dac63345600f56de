"""`gafferctl top`: the jobs of a gafferd, live."""

from __future__ import annotations

import os
import sys

import click
from gaffer_client import JobStats, NotFoundError, Server

from gaffer_cli.columns import columns
from gaffer_cli.invocation import Invocation
from gaffer_cli.top.cells import HEAD, cells
from gaffer_cli.top.rows import ORDERS, rows


@click.command("top")
@click.option(
    "--sort",
    type=click.Choice(list(ORDERS)),
    default="name",
    show_default=True,
    help="which jobs come first",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0.25, 3600),
    default=1.0,
    show_default=True,
    help="how often gafferd is asked",
)
@click.pass_obj
def command(run: Invocation, sort: str, interval: float) -> int:
    """Show all jobs, and what the chosen one writes, until q is pressed.

    The arrow keys, j and k choose a job; c, m and n sort by processor, memory and name. A gafferd
    that is away is waited for. Where there is no terminal, and with --json, it is all told once.

    CPU is in percent of one processor and MEM what is resident, both of processes and their
    children; they take gaffer-stats. RESTARTS are processes that have ended unasked and were
    started again.

    \b
    Examples:
      gafferctl top
      gafferctl top --sort mem
      gafferctl top --json
    """
    # Also to say at once, in one line, that there is no gafferd.
    server = run.server()
    found = sorted(rows(server.status(), _stats(server)), key=ORDERS[sort])
    if run.json or not _is_terminal():
        run.show(found, columns(HEAD, map(cells, found)))
        return 0
    # Late: it takes rich and trio.
    from gaffer_cli.top.live import live

    return live(run.settings(), sort, interval, sys.stdin.fileno())


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _stats(server: Server) -> list[JobStats] | None:
    try:
        return server.stats()
    except NotFoundError:
        return None
