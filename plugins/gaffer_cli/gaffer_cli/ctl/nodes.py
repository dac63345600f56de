"""`gafferctl nodes`: show the gafferds that lookupds know."""

from __future__ import annotations

import click

from gaffer_cli.cluster.nodes import warn_failed_lookups
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable
from gaffer_cli.table import format_table


@click.command("nodes")
@click.pass_obj
def command(run: Invocation) -> None:
    """Show the gafferds that the lookupds of --lookup know, or those of $GAFFER_LOOKUP.

    \b
    Examples:
      gafferctl --lookup http://127.0.0.1:5010 nodes
      gafferctl --lookup https://one:5010 --lookup https://two:5010 nodes --json
    """
    found = run.lookups().nodes()
    warn_failed_lookups(run, found)
    rows = [[printable(text) for text in (n.name, n.origin, n.version)] for n in found.value]
    run.show(found.value, format_table(["NAME", "ORIGIN", "VERSION"], sorted(rows)))
