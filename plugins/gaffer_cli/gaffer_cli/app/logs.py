"""`gaffer logs`: show the output of processes of an application."""

from __future__ import annotations

import click
from gaffer_client import ClientError

from gaffer_cli.app.application import HERE, get_application_name
from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import is_gaffer
from gaffer_cli.output.backlog import read_backlog
from gaffer_cli.output.multi_follow import MultiFollower
from gaffer_cli.output.printer import Printer
from gaffer_cli.output.selection import Selection
from gaffer_cli.printable import printable


@click.command("logs")
@click.argument("names", nargs=-1, type=JOB, metavar="[APP|JOB]...")
@click.option("--no-follow", is_flag=True, help="show the stored output only, and exit")
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], no_follow: bool) -> None:
    """Show what the processes of applications and jobs write, until Ctrl-C.

    Starts with the last 8 KiB of each process; for a job without processes, with those of the one
    that exited last. Processes started later are followed as well. Without a name, or with ., it
    is the application of this folder.

    A lost connection is retried for as long as it takes. At most 200 processes are followed at a
    time.

    \b
    Examples:
      gaffer logs
      gaffer logs shop.web shop.worker
      gaffer logs --no-follow shop
    """
    server = run.server()
    if not names and not is_gaffer():
        names = tuple(server.sessions())
    selection = Selection(server, [get_application_name(run, name) for name in names or (HERE,)])
    printer = Printer(
        as_json=run.json,
        short=selection.is_of_one_session,
        jobs=selection.jobs(),
        node=run.node_name,
    )
    if no_follow:
        for record in read_backlog(server, selection):
            printer.print(record)
        return
    follower = MultiFollower(server, selection, _report_lost)
    for record in follower:
        printer.print(record)
        if follower.is_drained:
            printer.flush()


def _report_lost(error: ClientError) -> None:
    click.echo(f"gaffer: {printable(str(error))}; trying again", err=True)
