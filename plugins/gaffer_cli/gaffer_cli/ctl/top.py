"""`gafferctl top`: show the jobs of a gafferd live."""

from __future__ import annotations

import os
import sys

import click
from gaffer_client import JobStats, NotFoundError, Server

from gaffer_cli.invocation import Invocation
from gaffer_cli.table import format_table
from gaffer_cli.top.cells import HEAD, format_cells
from gaffer_cli.top.rows import ORDERS, make_rows


@click.command("top")
@click.option(
    "--sort",
    type=click.Choice(list(ORDERS)),
    default="name",
    show_default=True,
    help="order of the jobs",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0.25, 3600),
    default=1.0,
    show_default=True,
    help="time between two requests",
)
@click.pass_obj
def command(run: Invocation, sort: str, interval: float) -> int:
    """Show all jobs, and the output of the selected one, until q is pressed.

    The arrow keys, j and k select a job; c, m and n sort by CPU, memory and name. If gafferd cannot
    be reached, the view waits for it. Without a terminal, and with --json, the jobs are printed
    once.

    CPU is in percent of one processor and MEM the resident memory, both of processes and their
    children; they need gaffer-stats. RESTARTS counts the restarts after a crash.

    \b
    Examples:
      gafferctl top
      gafferctl top --sort mem
      gafferctl top --json
    """
    # This also reports in one line that gafferd cannot be reached.
    server = run.server()
    found = sorted(make_rows(server.status(), _stats(server)), key=ORDERS[sort])
    if run.json or not _is_terminal():
        run.show(found, format_table(HEAD, map(format_cells, found)))
        return 0
    # Imported here because it loads rich and trio.
    from gaffer_cli.top.live import show_live

    return show_live(run.settings(), sort, interval, sys.stdin.fileno())


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _stats(server: Server) -> list[JobStats] | None:
    try:
        return server.stats()
    except NotFoundError:
        return None
