"""Conflicts of PORT: a type with many processes runs into the ports of the next type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from gaffer_procfile.application import Application


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
