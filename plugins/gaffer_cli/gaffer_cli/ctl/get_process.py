"""`gafferctl get_process`: the configuration of a job."""

from __future__ import annotations

import json

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB


@click.command("get_process")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Print the configuration of the job NAME, as JSON that `load_process` takes.

    Who may not manage the job sees *** for its variables and arguments.

    \b
    Examples:
      gafferctl get_process web
      gafferctl get_process web --json >web.json
    """
    info = run.server().job(name).info()
    config = {**info.config, "name": info.name}
    # As `show` has it, all in ASCII.
    run.show(config, json.dumps(config, indent=2))
