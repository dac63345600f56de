"""`gafferctl reload-config`: apply the configuration file of gafferd."""

from __future__ import annotations

import click

from gaffer_cli.ctl.plan import describe_changes
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("reload-config")
@wait_options
@click.pass_obj
def command(run: Invocation, wait: Wait) -> None:
    """Apply the configuration file of gafferd, as SIGHUP does, and show what has changed.

    If the file is wrong nothing changes, and the status is 1. `gafferctl plan` shows the changes
    without applying them.

    \b
    Examples:
      gafferctl reload-config
      gafferctl reload-config --no-wait
    """
    server = run.server()
    changes = wait_settled("gafferd", lambda: server.reload_configuration(wait))
    run.show({"ok": True, "jobs": changes}, describe_changes(changes))
