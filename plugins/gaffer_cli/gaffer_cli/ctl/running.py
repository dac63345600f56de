"""`gafferctl running`: show how many processes of a job run."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation


@click.command("running")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Show how many processes of the job NAME run now.

    \b
    Example:
      gafferctl running web
    """
    running = run.server().job(name).status().running
    run.show(running, str(running))
