"""`gafferctl watch`: what happens on a gafferd, as it happens."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import click
from gaffer_client import ClientError, Event, Server
from gaffer_console.color import Rotation, colored, wants_color

from gaffer_cli.exit_codes import USAGE, Failure
from gaffer_cli.invocation import Invocation
from gaffer_cli.names import EVENTS, PATTERN
from gaffer_cli.printable import printable

_MAX_HEARTBEAT = 3600.0
_LONG = ("proc.", "plugin.")


@click.command("watch")
@click.argument("pattern", type=PATTERN, default="")
@click.option(
    "--since",
    metavar="SEQ",
    type=click.IntRange(0),
    help="begin with what has happened after the event of this number; 0: all that is still known",
)
@click.option(
    "--heartbeat",
    metavar="SECONDS",
    type=click.FloatRange(0.1, _MAX_HEARTBEAT),
    default=60.0,
    show_default=True,
    help="silence after which gafferd says that it is there",
)
@click.option(
    "--colorize/--no-color",
    default=None,
    help="whether names are coloured (default: on a terminal; NO_COLOR and FORCE_COLOR count)",
)
@click.option("-l", "--long", is_flag=True, help="tell pids, statuses and reasons, too")
@click.pass_obj
def command(
    run: Invocation,
    pattern: str,
    since: int | None,
    heartbeat: float,
    colorize: bool | None,
    long: bool,
) -> None:
    """Print each event as it happens, one a line, until Ctrl-C.

    PATTERN says which: the name of an event, such as exit, a job as proc.web, or one event of a
    job as proc.web.exit; all events if it is not given. With --json each line is an object, and
    its seq is what --since takes.

    A lost connection is made again, for as long as it takes, and what has happened meanwhile is
    told. What cannot be told any more is told as a gap.

    \b
    Examples:
      gafferctl watch
      gafferctl watch proc.shop.worker.exit --long
      gafferctl watch spawn --since 0 --json
    """
    if colorize is None:
        colorize = wants_color(sys.stdout)
    tell = _json(run) if run.json else _lines(colorize, long)
    server = run.server()
    _check(server, pattern)
    with server.events(
        pattern, since=since, heartbeat=heartbeat, reconnect_timeout=math.inf, on_lost=_lost
    ) as events:
        for event in events:
            tell(event)


def _check(server: Server, pattern: str) -> None:
    """Refuse the bare name of a job or a session: nothing would ever be told of it."""
    # Events of plugins can have any name, so that not more is refused.
    if not pattern or pattern in EVENTS or pattern.startswith(_LONG):
        return
    for what, names in (("job", server.jobs()), ("session", server.sessions())):
        if pattern in names:
            raise Failure(
                f"{pattern!r} is a {what}, no event: proc.{pattern} has its events", USAGE
            )


def _lost(error: ClientError) -> None:
    click.echo(f"gafferctl: {printable(str(error))}; trying again", err=True)


def _json(run: Invocation) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        run.show(event.data or {"event": event.event, "name": event.name, "dropped": None}, "")

    return tell


def _lines(colorize: bool, long: bool) -> Callable[[Event], None]:
    rotation = Rotation()

    def tell(event: Event) -> None:
        name = printable(event.name)
        clock = time.strftime("%H:%M:%S", time.localtime(event.time))
        text = _gap(event) if event.is_gap else f"{_event(event)} {name}{_more(event) * long}"
        # As it is padded nowhere, a line can be cut into words.
        prefix = f"{clock} {name} |"
        if colorize:
            prefix = colored(rotation.color_of(name), prefix)
        # In colour or not: click is not to look at the terminal once more.
        click.echo(f"{prefix} {text}", color=True)

    return tell


def _event(event: Event) -> str:
    """The name of an event; of a job's the long one, which is also a pattern."""
    if event.job is None or event.event.startswith("proc."):
        return printable(event.event)
    return printable(f"proc.{event.name}.{event.event}")


def _gap(event: Event) -> str:
    if event.restarted:
        return "gap: gafferd was started anew"
    number = "some events may be" if event.dropped is None else _counted(event.dropped)
    return f"gap: {number} missing"


def _counted(number: int) -> str:
    return "1 event is" if number == 1 else f"{number} events are"


_KNOWN = {"event", "name", "session", "job", "seq", "time", "detach", "pid", "os_pid"}


def _more(event: Event) -> str:
    """What else is told of an event, behind its line."""
    pid = () if event.pid is None else (f"pid {event.pid} ({event.os_pid})",)
    rest = (f"{key} {_value(value)}" for key, value in event.data.items() if key not in _KNOWN)
    said = ", ".join([*pid, *rest])
    return f": {said}" if said else ""


def _value(value: object) -> str:
    return printable(f"{value:.1f}" if isinstance(value, float) else str(value))
