"""A lookupd and a thousand nodes, each with a hundred jobs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import nodes as crowd
from harness.api import Api, free_port
from harness.processes import resident, wait_until
from harness.supervisors import BIN, HERE, Daemon, scratch
from harness.table import Bound, Row

JOBS = 100
SIZES = (250, 500, 1000)
WORDS = 2 * JOBS + 1
"""That each node has to say: who it is, its jobs, a process of each."""

PATIENCE = 240.0
"""Seconds."""

LEASE = 45.0
"""Seconds in which everybody has to agree again."""


class Measured(NamedTuple):
    """Seconds until all is known, and again after a restart; bytes of lookupd then."""

    first: float
    again: float
    memory: float
    before: float


def rows() -> Iterator[Row]:
    """For each number of nodes: how long until all is known, how fast, how large."""
    for nodes in SIZES:
        found = _measure(nodes)
        what = f"lookupd, {nodes} nodes with {JOBS} jobs"
        yield Row(figure=f"{what}: all known", gaffer=found.first, unit="s")
        yield Row(figure=f"{what}: facts told", gaffer=nodes * WORDS / found.first, unit="/s")
        yield Row(
            figure=f"{what}: all known after its restart",
            gaffer=found.again,
            unit="s",
            bound=Bound(limit=LEASE),
        )
        each = (found.memory - found.before) / nodes / 1024
        yield Row(figure=f"{what}: memory", gaffer=found.memory / 2**20, unit="MiB")
        yield Row(figure=f"{what}: memory for each node", gaffer=each, unit="KiB")


def _measure(nodes: int) -> Measured:
    with scratch() as folder:
        port = free_port()
        with _lookupd(folder, port) as (daemon, api):
            before = resident(daemon.pid)
            begin = time.perf_counter()
            _start_crowd(port, nodes)
            _wait_known(api, nodes)
            first = time.perf_counter() - begin
            daemon.stop()
        with _lookupd(folder, port) as (daemon, api):
            begin = time.perf_counter()
            _wait_known(api, nodes)
            again = time.perf_counter() - begin
            memory = resident(daemon.pid)
    return Measured(first, again, memory, before)


@contextmanager
def _lookupd(folder: Path, port: int) -> Iterator[tuple[Daemon, Api]]:
    command = [str(BIN / "gaffer_lookupd"), "--bind", f"127.0.0.1:{port}"]
    daemon = Daemon(command, folder)
    with Api(port, daemon) as api:
        yield daemon, api


def _start_crowd(port: int, nodes: int) -> None:
    command = [sys.executable, "-m", "harness.nodes", str(port), str(nodes), str(JOBS)]
    subprocess.Popen(command, cwd=HERE, stderr=subprocess.DEVNULL)


def _wait_known(api: Api, nodes: int) -> None:
    """Wait until the last fact of every node is known: the process of its last job."""
    path = f"/findJob?name={crowd.job(JOBS - 1)}"

    def known() -> bool:
        sources = json.loads(api.get(path))["sources"]
        return sum(source["pids"] == [1] for source in sources) == nodes

    wait_until(known, f"{nodes} nodes", seconds=PATIENCE, every=0.05)
