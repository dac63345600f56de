"""`gafferctl find`: find the gafferds that have a job or a session."""

from __future__ import annotations

import click
from gaffer_client import LookupJob
from gaffer_client.names import has_session

from gaffer_cli.cluster.nodes import warn_failed_lookups
from gaffer_cli.cluster.source_table import format_sources
from gaffer_cli.exit_codes import NotRunningError
from gaffer_cli.invocation import Invocation


@click.command("find")
@click.argument("name")
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Find the gafferds that have the job or the session NAME; exit with status 3 if none has it.

    \b
    Examples:
      gafferctl --lookup http://127.0.0.1:5010 find shop.web
      gafferctl --lookup http://127.0.0.1:5010 find shop
    """
    lookups = run.lookups()
    job_sources = lookups.find_job(name)
    warn_failed_lookups(run, job_sources)
    found = [LookupJob(name, job_sources.value)] if job_sources.value else []
    if not found and not has_session(name):
        session_sources = lookups.find_session(name)
        warn_failed_lookups(run, session_sources, reported=job_sources.failed)
        found = session_sources.value
    if not found:
        raise NotRunningError(f"no node has {name}")
    run.show(found, format_sources((job.name, job.sources) for job in found))
