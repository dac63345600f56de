"""`gafferctl jobs`: show the jobs of all gafferds that lookupds know."""

from __future__ import annotations

import click

from gaffer_cli.cluster.nodes import warn_failed_lookups
from gaffer_cli.cluster.source_table import format_sources
from gaffer_cli.invocation import Invocation


@click.command("jobs")
@click.pass_obj
def command(run: Invocation) -> None:
    """Show the jobs that the lookupds of --lookup know, and the gafferds that have them.

    \b
    Example:
      gafferctl --lookup http://127.0.0.1:5010 jobs
    """
    found = run.lookups().jobs()
    warn_failed_lookups(run, found)
    run.show(found.value, format_sources((job.name, job.sources) for job in found.value))
