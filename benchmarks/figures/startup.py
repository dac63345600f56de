"""Startup: from the command gafferd to its first child, and to the first answer of the API."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from harness.api import Api, free_port
from harness.births import Births
from harness.rounds import take_turns
from harness.supervisors import Program, gafferd, running, scratch
from harness.table import Bound, Row

ROUNDS = 7


def rows() -> Iterator[Row]:
    """Compare with the lower limit: an interpreter that imports trio."""
    seconds = take_turns(
        {"trio": _imports, "child": _child, "child_of_api": _child_of_api, "api": _api}, ROUNDS
    )
    for figure, trial, baseline, name, limit in (
        ("gafferd without plugins: first child runs", "child", "trio", "import trio", 2.3),
        ("gafferd with gaffer-http: first child runs", "child_of_api", "trio", "import trio", 2.3),
        ("the same, to gafferd without plugins", "child_of_api", "child", "without plugins", 1.6),
        ("gafferd with gaffer-http: API answers", "api", "trio", "import trio", 5.0),
    ):
        yield Row(
            figure=figure,
            gaffer=seconds[trial].median,
            unit="s",
            baseline=seconds[baseline].median,
            baseline_name=name,
            ratio=seconds[trial].over(seconds[baseline]),
            bound=Bound(limit=limit, relative=True),
        )


def _imports() -> float:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import trio"], check=True)
    return time.monotonic() - begin


def _child() -> float:
    return _first_child(())


def _child_of_api() -> float:
    options = ("--bind", f"127.0.0.1:{free_port()}")
    return _first_child(("signals", "http"), options)


def _first_child(plugins: tuple[str, ...], options: tuple[str, ...] = ()) -> float:
    with scratch() as folder:
        births = Births(folder)
        try:
            program = Program("first", births.command("first"))
            command = gafferd(folder, [program], plugins=plugins, options=options)
            begin = time.monotonic()
            with running(command, folder):
                return births.collect(1, 10.0)["first"].at - begin
        finally:
            births.close()


def _api() -> float:
    with scratch() as folder:
        port = free_port()
        options = ("--bind", f"127.0.0.1:{port}")
        command = gafferd(folder, [], plugins=("signals", "http"), options=options)
        begin = time.monotonic()
        with running(command, folder) as daemon, Api(port, daemon):
            return time.monotonic() - begin
