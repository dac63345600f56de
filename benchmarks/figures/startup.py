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
    seconds = take_turns({"trio": _imports, "child": _child, "api": _api}, ROUNDS)
    for figure, trial, limit in (
        ("gafferd without plugins: first child runs", "child", 0.4),
        ("gafferd with gaffer-http: API answers", "api", 0.9),
    ):
        yield Row(
            figure=figure,
            gaffer=seconds[trial].median,
            unit="s",
            baseline=seconds["trio"].median,
            baseline_name="import trio",
            ratio=seconds[trial].over(seconds["trio"]),
            bound=Bound(limit=limit),
        )


def _imports() -> float:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import trio"], check=True)
    return time.monotonic() - begin


def _child() -> float:
    with scratch() as folder:
        births = Births(folder)
        try:
            command = gafferd(folder, [Program("first", births.command("first"))], plugins=())
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
