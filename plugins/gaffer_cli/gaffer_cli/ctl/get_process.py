"""`gafferctl get_process`: show the configuration of a job."""

from __future__ import annotations

import json

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation


@click.command("get_process")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> None:
    """Show the configuration of the job NAME, as JSON that `load_process` takes.

    Without the permission to manage the job, its variables and arguments are shown as ***.

    \b
    Examples:
      gafferctl get_process web
      gafferctl get_process web --json >web.json
    """
    info = run.server().job(name).info()
    config = {**info.config, "name": info.name}
    # In ASCII, as `show` prints JSON.
    run.show(config, json.dumps(config, indent=2))
