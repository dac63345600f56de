"""Lines of output on standard output: for people as the console prints them, or in JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable

import click
from gaffer_client import NamedStatus
from gaffer_console.color import Rotation, colored, wants_color
from gaffer_console.text import clean_text

from gaffer_cli.app.loaded import get_process_label
from gaffer_cli.output.records import Note, OutputRecord


class Printer:
    """Prints records on standard output, and notes on standard error.

    Args:
        as_json: print an object for each line, for programs.
        short: omit the session from the names of jobs.
        jobs: the jobs known at the start, whose names determine the width of the prefix.
        node: the name of the node, if it is one of many.
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
        self._format: Callable[[OutputRecord], str] = self._json if as_json else self._text
        self._printed_notes: set[Note] = set()

    def print(self, record: OutputRecord | Note) -> None:
        """Print a record or a note."""
        if isinstance(record, OutputRecord):
            sys.stdout.write(self._format(record) + "\n")
        elif record not in self._printed_notes:
            click.echo(f"gaffer: {record.text}", err=True)
            if record.once:
                self._printed_notes.add(record)

    def flush(self) -> None:
        """Flush standard output."""
        sys.stdout.flush()

    def _json(self, record: OutputRecord) -> str:
        fields = {"name": self._name(record), "pid": record.process.pid, "stream": record.stream}
        if self._node is not None:
            fields["node"] = self._node
        value = {**fields, "text": record.text, "lost": record.lost, "time": record.time}
        return json.dumps(value)

    def _text(self, record: OutputRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.time))
        prefix = f"{clock} {self._full_name(record):<{self._width}} |"
        if self._colors:
            prefix = colored(self._rotation.get_color(record.process.name), prefix)
        return f"{prefix} {self._line(record)}"

    def _line(self, record: OutputRecord) -> str:
        if record.lost is None:
            return "... the connection was lost, output may be missing"
        if record.lost:
            return f"... {record.lost} bytes dropped"
        return clean_text(record.text, colors=self._colors)

    def _name(self, record: OutputRecord) -> str:
        name = record.process.job if self._short else record.process.name
        return get_process_label(record.process, name)

    def _full_name(self, record: OutputRecord) -> str:
        return self._name(record) if self._node is None else f"{self._node}/{self._name(record)}"
