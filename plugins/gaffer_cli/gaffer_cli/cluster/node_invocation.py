"""The run of a verb on one of many nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from gaffer_cli.cluster.nodes import NodeAddress
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable


class Shown(NamedTuple):
    """The result that a verb passed to `show`: data for programs, and lines for people."""

    data: object
    lines: list[str]


class NodeInvocation(Invocation):
    """An invocation for one node. Results are collected, to be printed in the order of the nodes.

    Attributes:
        address: the node.
        results: what the verb has shown.
    """

    def __init__(self, run: Invocation, address: NodeAddress) -> None:
        self.__dict__.update(run.__dict__)
        self.connect = self.origin = address.url
        self.lookup = self.node = ()
        self.node_name = address.name
        self.address = address
        self.results: list[Shown] = []

    def show(self, data: object, lines: str | Iterable[str]) -> None:
        self.results.append(Shown(data, [lines] if isinstance(lines, str) else list(lines)))

    def print_line(self, line: str) -> None:
        click.echo(f"{self.address.name}: {line}")

    def warn(self, line: str) -> None:
        click.echo(f"{self.address.name}: {printable(line)}", err=True)
