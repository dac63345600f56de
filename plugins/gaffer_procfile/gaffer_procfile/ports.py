"""Processes that get the same PORT: types are only so far apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from gaffer_procfile.application import FIRST_OF_JOB, Application


class Ports(NamedTuple):
    """The ports of a type or a job: that of its first process, and how many it has."""

    name: str
    first: int
    number: int


def ports_of(name: str, env: Mapping[str, str], count: int) -> Ports:
    """Those of a job: none, if it does not ask for any.

    Args:
        name: of the job.
        env: its variables.
        count: how many processes it has.
    """
    first = env.get(FIRST_OF_JOB, "")
    asked = first.isascii() and first.isdigit()
    return Ports(name, int(first) if asked else 0, count if asked else 0)


def ports_of_types(app: Application) -> list[Ports]:
    """Those of the types of an application.

    Raises:
        ConfigError: as `Application.types`.
    """
    return [Ports(each.name, each.port, each.count) for each in app.types()]


def clashes(ports: Iterable[Ports]) -> Iterator[str]:
    """A line for each of those whose last processes get a PORT of another one's."""
    taken = sorted((each for each in ports if each.number), key=lambda each: each.first)
    for one, other in pairwise(taken):
        apart = other.first - one.first
        if one.number > apart:
            yield (
                f"{one.name}.{apart + 1} and {other.name}.1 both get PORT {other.first}:"
                f" {one.name} has {one.number} processes, and {apart} ports to itself"
            )
