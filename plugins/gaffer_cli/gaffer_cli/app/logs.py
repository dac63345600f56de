"""`gaffer logs`: what the processes of an application write."""

from __future__ import annotations

import click
from gaffer_client import ClientError

from gaffer_cli.app.application import HERE, application_name
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.output.backlog import kept
from gaffer_cli.output.multi_follow import Following
from gaffer_cli.output.printer import Printer
from gaffer_cli.output.selection import Chosen
from gaffer_cli.printable import printable


@click.command("logs")
@click.argument("names", nargs=-1, type=JOB, metavar="[APP|JOB]...")
@click.option("--no-follow", is_flag=True, help="only what has been written, as far as it is kept")
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...], no_follow: bool) -> None:
    """Print what the processes of applications and jobs write, until Ctrl-C.

    It begins with the last 8 KiB that each has written; if none of a job runs, with those of the
    one that ended last. Processes that are started later are followed, too. Without a name, or
    with ., it is the application of this folder.

    A lost connection is made again, for as long as it takes. No more than 200 processes are
    followed at a time.

    \b
    Examples:
      gaffer logs
      gaffer logs shop.web shop.worker
      gaffer logs --no-follow shop
    """
    server = run.server()
    chosen = Chosen(server, [application_name(run, name) for name in names or (HERE,)])
    printer = Printer(
        as_json=run.json, short=chosen.is_of_one_session, jobs=chosen.jobs(), node=run.node_name
    )
    if no_follow:
        for told in kept(server, chosen):
            printer.print(told)
        return
    following = Following(server, chosen, _say_lost)
    for told in following:
        printer.print(told)
        if following.is_quiet:
            printer.flush()


def _say_lost(error: ClientError) -> None:
    click.echo(f"gaffer: {printable(str(error))}; trying again", err=True)
