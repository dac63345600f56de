"""`gafferctl find`: which gafferds have a job or a session."""

from __future__ import annotations

import click
from gaffer_client import LookupJob

from gaffer_cli.cluster.places import complain
from gaffer_cli.cluster.sources import table
from gaffer_cli.exit_codes import NotRunning
from gaffer_cli.invocation import Invocation


@click.command("find")
@click.argument("name")
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """List the gafferds that have the job or the session NAME; the status is 3 if none has.

    \b
    Examples:
      gafferctl --lookup http://127.0.0.1:5010 find shop.web
      gafferctl --lookup http://127.0.0.1:5010 find shop
    """
    lookups = run.lookups()
    of_job = lookups.find_job(name)
    complain(run, of_job)
    found = [LookupJob(name, of_job.value)] if of_job.value else []
    if not found and _is_bare(name):
        of_session = lookups.find_session(name)
        complain(run, of_session, told=of_job.failed)
        found = of_session.value
    if not found:
        raise NotRunning(f"no node has {name}")
    run.show(found, table((job.name, job.sources) for job in found))


def _is_bare(name: str) -> bool:
    return not any(separator in name for separator in "./:")
