"""`gafferctl jobs`: the jobs of all gafferds that lookupds know."""

from __future__ import annotations

import click

from gaffer_cli.cluster.places import complain
from gaffer_cli.cluster.sources import table
from gaffer_cli.invocation import Invocation


@click.command("jobs")
@click.pass_obj
def command(run: Invocation) -> None:
    """List the jobs that the lookupds of --lookup know, and which gafferd has which.

    \b
    Example:
      gafferctl --lookup http://127.0.0.1:5010 jobs
    """
    found = run.lookups().jobs()
    complain(run, found)
    run.show(found.value, table((job.name, job.sources) for job in found.value))
