"""`gafferctl kill`: send a signal to a process or a job."""

from __future__ import annotations

import click
from gaffer_client import ConflictError

from gaffer_cli.arguments import JOB
from gaffer_cli.exit_codes import NotRunningError
from gaffer_cli.invocation import Invocation


@click.command("kill")
@click.argument("target", type=JOB, metavar="NAME_OR_PID")
@click.argument("signal", metavar="SIG")
@click.pass_obj
def command(run: Invocation, target: str, signal: str) -> None:
    """Send the signal SIG, a name or a number, to a process or to all processes of a job.

    The exit status is 3 if no process runs that could take the signal.

    A number is a pid of gaffer, as `pids` shows it. A process that exits is restarted, unless its
    job is stopped.

    \b
    Examples:
      gafferctl kill web HUP
      gafferctl kill 1 9
    """
    server = run.server()
    receiver = server.process(int(target)) if _is_number(target) else server.job(target)
    try:
        receiver.signal(int(signal) if _is_number(signal) else signal)
    except ConflictError as error:
        raise NotRunningError(str(error)) from None
    run.show({"ok": True}, "ok")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
