"""`gafferctl processes`: show the names of all jobs, or the pids of all processes."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation


@click.command("processes")
@click.option("--running", is_flag=True, help="show the pids of all processes instead")
@click.pass_obj
def command(run: Invocation, running: bool) -> None:
    """Show the names of all jobs, one a line.

    \b
    Examples:
      gafferctl processes
      gafferctl processes --running
    """
    server = run.server()
    found = server.pids() if running else server.jobs()
    run.show(found, map(str, found))
