"""Lines of output as they are printed: for people as gafferd's console has them, or in JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable

import click
from gaffer_client import NamedStatus
from gaffer_console.color import Rotation, colored, wants_color
from gaffer_console.text import clean_text

from gaffer_cli.app.loaded import label
from gaffer_cli.output.records import Note, Told


class Printer:
    """Prints what is told, on standard output.

    Args:
        as_json: an object for each line, for programs.
        short: show the names of jobs without their session.
        jobs: those that are known to be told of, so that lines begin in one column.
        node: the gafferd that has them, if it is one of many.
    """

    def __init__(
        self, *, as_json: bool, short: bool, jobs: Iterable[NamedStatus], node: str | None = None
    ) -> None:
        self._colors = wants_color(sys.stdout)
        self._rotation = Rotation()
        self._short = short
        self._node = node
        # With room for a dot and a digit.
        width = max((len(job.job if short else job.name) + 2 for job in jobs), default=0)
        self._width = width + (len(node) + 1 if node else 0)
        self._shown: Callable[[Told], str] = self._json if as_json else self._text
        self._noted: set[Note] = set()

    def print(self, told: Told | Note) -> None:
        """Print it; a note on standard error."""
        if isinstance(told, Told):
            sys.stdout.write(self._shown(told) + "\n")
        elif told not in self._noted:
            click.echo(f"gaffer: {told.text}", err=True)
            if told.once:
                self._noted.add(told)

    def flush(self) -> None:
        """Let whoever reads us see it all."""
        sys.stdout.flush()

    def _json(self, told: Told) -> str:
        fields = {"name": self._name(told), "pid": told.process.pid, "stream": told.stream}
        if self._node is not None:
            fields["node"] = self._node
        value = {**fields, "text": told.text, "lost": told.lost}
        return json.dumps(value)

    def _text(self, told: Told) -> str:
        prefix = f"{time.strftime('%H:%M:%S')} {self._shown_name(told):<{self._width}} |"
        if self._colors:
            prefix = colored(self._rotation.color_of(told.process.name), prefix)
        return f"{prefix} {self._said(told)}"

    def _said(self, told: Told) -> str:
        if told.lost is None:
            return "... the connection was lost, output may be missing"
        if told.lost:
            return f"... {told.lost} bytes dropped"
        return clean_text(told.text, colors=self._colors)

    def _name(self, told: Told) -> str:
        return label(told.process, told.process.job if self._short else told.process.name)

    def _shown_name(self, told: Told) -> str:
        return self._name(told) if self._node is None else f"{self._node}/{self._name(told)}"
