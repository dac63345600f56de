"""PORT of processes: conflicts between types, and the URLs of processes that listen there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from gaffer_procfile.application import Application

WEB = "web"
"""The type that serves HTTP by convention, whether its command names PORT or not."""

_NAMES_PORT = re.compile(r"\bPORT\b")


class Ports(NamedTuple):
    """The ports of a type or a job: the first one, and how many."""

    name: str
    first: int
    size: int


def get_ports(name: str, port: int | None, count: int) -> Ports:
    """Return the ports of a job; none if it has no `port`.

    Args:
        name: the name of the job.
        port: the port of its first instance.
        count: the number of its instances.
    """
    return Ports(name, port or 0, count if port else 0)


def get_type_ports(app: Application) -> list[Ports]:
    """Return the ports of the types of an application.

    Raises:
        ConfigError: as `Application.types`.
    """
    return [Ports(each.name, each.port, each.count) for each in app.types()]


def find_port_conflicts(ports: Iterable[Ports]) -> Iterator[str]:
    """Yield one line for each type or job whose last processes get a PORT of the next one."""
    used = sorted((each for each in ports if each.size), key=lambda each: each.first)
    for one, other in pairwise(used):
        distance = other.first - one.first
        if one.size > distance:
            yield (
                f"{one.name}.{distance + 1} and {other.name}.1 both get PORT {other.first}:"
                f" {one.name} has {one.size} processes, and {distance} ports to itself"
            )


def find_taken_ports(app: Application, taken: Collection[int]) -> Iterator[tuple[str, int]]:
    """Yield the name and the PORT of each process whose PORT another program has.

    These are processes of the first type with a PORT that is set: the others skip such ports.

    Args:
        app: the application.
        taken: the ports of other programs.

    Raises:
        ConfigError: as `Application.types`.
    """
    for each in app.types():
        for number in range(each.count):
            if each.port + number in taken:
                yield f"{each.name}.{number + 1}", each.port + number


def get_process_url(
    name: str, cmd: str, port: int | None, number: int, host: str = "127.0.0.1"
) -> str | None:
    """Return the URL of a process, if it probably listens on its PORT.

    That is the case for the type `web`, and for commands that name PORT.

    Args:
        name: the name of its type or job.
        cmd: the command.
        port: PORT of the first process; None if there is none.
        number: the number of the process, from 1; 0 for a one-off.
        host: where the process runs.
    """
    if not port or not number or not (name == WEB or _NAMES_PORT.search(cmd)):
        return None
    return f"http://{f'[{host}]' if ':' in host else host}:{port + number - 1}"
