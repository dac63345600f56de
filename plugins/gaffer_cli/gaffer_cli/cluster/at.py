"""One run of a verb at one of many gafferds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from gaffer_cli.cluster.places import Place
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable


class Answer(NamedTuple):
    """What a verb has shown: all of it for programs, and lines for people."""

    data: object
    lines: list[str]


class AtPlace(Invocation):
    """What is said and asked at one place. What is shown is kept, to be shown in order.

    Attributes:
        place: where.
        answers: what was shown.
    """

    def __init__(self, run: Invocation, place: Place) -> None:
        self.__dict__.update(run.__dict__)
        self.connect = self.origin = place.url
        self.lookup = self.node = ()
        self.node_name = place.name
        self.place = place
        self.answers: list[Answer] = []

    def show(self, data: object, lines: str | Iterable[str]) -> None:
        self.answers.append(Answer(data, [lines] if isinstance(lines, str) else list(lines)))

    def tell(self, line: str) -> None:
        click.echo(f"{self.place.name}: {line}")

    def complain(self, line: str) -> None:
        click.echo(f"{self.place.name}: {printable(line)}", err=True)
