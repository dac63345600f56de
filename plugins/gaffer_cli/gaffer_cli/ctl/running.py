"""`gafferctl running`: how many processes of a job run."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB


@click.command("running")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Print how many processes of the job NAME run now.

    \b
    Example:
      gafferctl running web
    """
    running = run.server().job(name).status().running
    run.show(running, str(running))
