"""`gafferctl jobs`: show the jobs of a gafferd, or of all gafferds that lookupds know."""

from __future__ import annotations

import click

from gaffer_cli.cluster.nodes import warn_failed_lookups
from gaffer_cli.cluster.source_table import format_sources
from gaffer_cli.invocation import Invocation


@click.command("jobs")
@click.pass_obj
def command(run: Invocation) -> None:
    """Show the names of all jobs, one a line; with --lookup, those of all gafferds.

    The lookupds of --lookup, or of $GAFFER_LOOKUP, know the gafferds; each job is then shown with
    those that have it.

    \b
    Examples:
      gafferctl jobs
      gafferctl --lookup http://127.0.0.1:5010 jobs
    """
    if not (run.lookup_urls or run.node):
        names = run.server().jobs()
        run.show(names, names)
        return
    found = run.lookups().jobs()
    warn_failed_lookups(run, found)
    run.show(found.value, format_sources((job.name, job.sources) for job in found.value))
