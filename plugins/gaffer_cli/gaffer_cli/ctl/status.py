"""`gafferctl status`: whether a job does what is wanted of it."""

from __future__ import annotations

import click

from gaffer_cli.condition import condition
from gaffer_cli.exits import NOT_RUNNING
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.printable import printable


@click.command("status")
@click.argument("name", type=JOB)
@click.pass_obj
def command(run: Invocation, name: str) -> int:
    """Tell whether the job NAME is active, and why not; the status is 3 if it is not.

    \b
    Examples:
      gafferctl status web
      gafferctl status shop.worker --json
    """
    status = run.server().job(name).status()
    run.show(status, printable(condition(status)))
    return 0 if status.active else NOT_RUNNING
