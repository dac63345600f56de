"""`gaffer logs`: show the output of processes of an application."""

from __future__ import annotations

import click
from gaffer_client import ClientError

from gaffer_cli.app.application import HERE, get_application_name
from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import get_own_application, is_gaffer
from gaffer_cli.output.backlog import read_backlog
from gaffer_cli.output.multi_follow import MultiFollower
from gaffer_cli.output.printer import Printer
from gaffer_cli.output.selection import Selection
from gaffer_cli.printable import printable


@click.command("logs")
@click.argument("names", nargs=-1, type=JOB, metavar="[APP|JOB]...")
@click.option(
    "-f", "--follow", is_flag=True, help="go on with new output (default, unless -n is given)"
)
@click.option("--no-follow", is_flag=True, help="show the stored output only, and exit")
@click.option(
    "-n",
    "--lines",
    "--tail",
    "limit",
    metavar="N",
    type=click.IntRange(0),
    help="begin with the last N lines of the stored output; without -f, exit then",
)
@click.pass_obj
def command(
    run: Invocation, names: tuple[str, ...], follow: bool, no_follow: bool, limit: int | None
) -> None:
    """Show what the processes of applications and jobs write, until Ctrl-C.

    Starts with the last 8 KiB of each process, with the times at which gafferd read them and merged
    by these; for a job without processes, with those of the one that exited last. Processes started
    later are followed as well. Without a name, or with ., it is the application of this folder;
    JOB can be a type of it, such as web.

    With -n it shows the last N lines and exits, unless -f is given as well. Here -f does not name
    the Procfile: --procfile does, and so does -f before the verb.

    A lost connection is retried for as long as it takes. At most 200 processes are followed at a
    time.

    \b
    Examples:
      gaffer logs
      gaffer logs web
      gaffer logs shop.web shop.worker
      gaffer logs -n 20 shop
      gaffer logs -f -n 20 --procfile shop/Procfile
    """
    if follow and no_follow:
        raise click.UsageError("--follow and --no-follow exclude each other")
    server = run.server()
    if not names and not is_gaffer():
        names = tuple(server.sessions())
    chosen = [get_application_name(run, name) for name in names or (HERE,)]
    selection = Selection(server, chosen, get_own_application(run))
    printer = Printer(
        as_json=run.json,
        short=selection.is_of_one_session,
        jobs=selection.jobs(),
        node=run.node_name,
    )
    if no_follow or (limit is not None and not follow):
        for record in read_backlog(server, selection, limit):
            printer.print(record)
        return
    for record in MultiFollower(server, selection, _report_lost, printer.flush, limit):
        printer.print(record)


def _report_lost(error: ClientError) -> None:
    click.echo(f"gaffer: {printable(str(error))}; trying again", err=True)
