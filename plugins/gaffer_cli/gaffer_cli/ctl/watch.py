"""`gafferctl watch`: show the events of a gafferd as they happen."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import click
from gaffer_client import ClientError, Event, Server
from gaffer_console.color import Rotation, colored, wants_color
from gaffer_console.description import describe_event

from gaffer_cli.arguments import EVENTS, PATTERN
from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable

_MAX_HEARTBEAT = 3600.0
_LONG = ("proc.", "plugin.")


@click.command("watch")
@click.argument("pattern", type=PATTERN, default="")
@click.option(
    "--since",
    metavar="SEQ",
    type=click.IntRange(0),
    help="start after the event of this number; 0: with the oldest stored event",
)
@click.option(
    "--heartbeat",
    metavar="SECONDS",
    type=click.FloatRange(0.1, _MAX_HEARTBEAT),
    default=60.0,
    show_default=True,
    help="time without events after which gafferd sends a heartbeat",
)
@click.option(
    "--colorize/--no-color",
    default=None,
    help="colour the names (default: on a terminal; NO_COLOR and FORCE_COLOR apply)",
)
@click.option("-l", "--long", is_flag=True, help="also show gaffer's pids and the other fields")
@click.pass_obj
def command(
    run: Invocation,
    pattern: str,
    since: int | None,
    heartbeat: float,
    colorize: bool | None,
    long: bool,
) -> None:
    """Show each event as it happens, one a line in the words of gafferd -v, until Ctrl-C.

    PATTERN selects events: the name of an event, such as exit, a job as proc.web, or one event of a
    job as proc.web.exit; default is all events. With --json each line is an object, and --since
    takes its seq.

    A lost connection is retried for as long as it takes, and the events of the meantime are shown.
    Events that gafferd no longer stores are shown as a gap.

    \b
    Examples:
      gafferctl watch
      gafferctl watch proc.shop.worker.exit --long
      gafferctl watch spawn --since 0 --json
    """
    if colorize is None:
        colorize = wants_color(sys.stdout)
    print_event = _json(run) if run.json else _lines(colorize, long)
    server = run.server()
    _check(server, pattern)
    with server.events(
        pattern, since=since, heartbeat=heartbeat, reconnect_timeout=math.inf, on_lost=_report_lost
    ) as events:
        for event in events:
            print_event(event)


def _check(server: Server, pattern: str) -> None:
    """Refuse the bare name of a job or a session, which no event ever matches."""
    # Other names are accepted, because events of plugins can have any name.
    if not pattern or pattern in EVENTS or pattern.startswith(_LONG):
        return
    for what, names in (("job", server.jobs()), ("session", server.sessions())):
        if pattern in names:
            raise CommandError(f"{pattern!r} is a {what}, not an event: use proc.{pattern}", USAGE)


def _report_lost(error: ClientError) -> None:
    click.echo(f"gafferctl: {printable(str(error))}; trying again", err=True)


def _json(run: Invocation) -> Callable[[Event], None]:
    def print_event(event: Event) -> None:
        run.show(event.data or {"event": event.event, "name": event.name, "dropped": None}, "")

    return print_event


def _lines(colorize: bool, long: bool) -> Callable[[Event], None]:
    rotation = Rotation()

    def print_event(event: Event) -> None:
        name = printable(event.name)
        clock = time.strftime("%H:%M:%S", time.localtime(event.time))
        text = _gap(event) if event.is_gap else _describe(event) + _details(event) * long
        # Without padding, so that a line can be split into words.
        prefix = f"{clock} {name} |"
        if colorize:
            prefix = colored(rotation.get_color(name), prefix)
        # color=True: click keeps escape sequences whether standard output is a terminal or not.
        click.echo(f"{prefix} {text}", color=True)

    return print_event


def _describe(event: Event) -> str:
    """Describe an event in the words of the console."""
    short = event.event
    if event.job is not None and short.startswith(f"proc.{event.name}."):
        short = short.removeprefix(f"proc.{event.name}.")
    return printable(describe_event(short, event.name, event.data))


def _gap(event: Event) -> str:
    if event.restarted:
        return "gap: gafferd was restarted"
    number = "some events may be" if event.dropped is None else _counted(event.dropped)
    return f"gap: {number} missing"


def _counted(number: int) -> str:
    return "1 event is" if number == 1 else f"{number} events are"


_KNOWN = {"event", "name", "session", "job", "seq", "time", "detach", "pid", "os_pid"}


def _details(event: Event) -> str:
    """Return the other fields of an event, to append to its line."""
    pid = () if event.pid is None else (f"pid {event.pid} ({event.os_pid})",)
    rest = (f"{key} {_value(value)}" for key, value in event.data.items() if key not in _KNOWN)
    text = ", ".join([*pid, *rest])
    return f"; {text}" if text else ""


def _value(value: object) -> str:
    return printable(f"{value:.1f}" if isinstance(value, float) else str(value))
