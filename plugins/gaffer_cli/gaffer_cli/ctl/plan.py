"""`gafferctl plan`: show what a reload of the configuration would change."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import click
from gaffer_client.models import JobChange

from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable
from gaffer_cli.table import format_table


@click.command("plan")
@click.argument("file", type=click.Path(), required=False)
@click.pass_obj
def command(run: Invocation, file: str | None) -> None:
    """Show what a reload of the configuration would do to each job.

    FILE is another configuration file, read by gafferd on its machine, to compare the jobs with.

    \b
    A job is
      new         loaded
      gone        stopped and removed
      replaced    replaced, all its processes
      live        changed at once, without new processes
      next_start  changed when its processes start the next time
      scaled      scaled, without new processes

    \b
    Examples:
      gafferctl plan
      gafferctl plan gaffer.new.ini
    """
    changes = run.server().plan(None if file is None else os.path.abspath(file))
    run.show({"ok": True, "jobs": changes}, describe_changes(changes))


def describe_changes(changes: Sequence[JobChange]) -> Iterator[str]:
    """Describe a plan, one line for each job that changes and one for all others."""
    rows = [
        [printable(each.name), each.change, ", ".join(each.keys)]
        for each in changes
        if each.change != "unchanged"
    ]
    if rows:
        yield from format_table(["NAME", "CHANGE", "KEYS"], rows)
    unchanged = len(changes) - len(rows)
    if unchanged or not rows:
        yield f"{unchanged or 'no'} job{'' if unchanged == 1 else 's'} unchanged"
