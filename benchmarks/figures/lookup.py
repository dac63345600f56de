"""A lookupd and a thousand nodes, each with a hundred jobs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness import nodes as crowd
from harness.api import Api, free_port
from harness.processes import cpu_seconds, resident, wait_until
from harness.supervisors import BIN, HERE, Daemon, scratch
from harness.table import Bound, Row

JOBS = 100
SIZES = (250, 500, 1000)
FACTS = 2 * JOBS + 1
"""Of each node: who it is, its jobs, a process of each."""

PATIENCE = 240.0
"""Seconds."""

LEASE = 45.0
"""Seconds in which everybody has to agree again."""


class Measured(NamedTuple):
    """How it went with one lookupd.

    Attributes:
        wall: seconds until it knew everything.
        processor: seconds that it computed meanwhile.
        memory: resident bytes then, and before there was any node.
    """

    wall: float
    processor: float
    memory: tuple[int, int]


def rows() -> Iterator[Row]:
    """For each number of nodes: how long until all is known, at first and again, how fast, how
    large."""
    for nodes in SIZES:
        first, again = _measure(nodes)
        what, facts = f"lookupd, {nodes} nodes with {JOBS} jobs", nodes * FACTS
        yield Row(figure=f"{what}: all known", gaffer=first.wall, unit="s")
        yield Row(figure=f"{what}: its processor time", gaffer=first.processor, unit="s")
        yield Row(figure=f"{what}: facts told", gaffer=facts / first.wall, unit="/s")
        yield Row(
            figure=f"{what}: all known after its restart",
            gaffer=again.wall,
            unit="s",
            bound=Bound(limit=LEASE),
        )
        after, before = again.memory
        yield Row(figure=f"{what}: memory", gaffer=after / 2**20, unit="MiB")
        yield Row(
            figure=f"{what}: memory of a node", gaffer=(after - before) / nodes / 1024, unit="KiB"
        )


def _measure(nodes: int) -> tuple[Measured, Measured]:
    """At first, and again when it has been ended and started anew."""
    with scratch() as folder:
        port = free_port()
        first = _until_known(folder, port, nodes, lambda: _start_crowd(port, nodes))
        return first, _until_known(folder, port, nodes, lambda: None)


def _until_known(folder: Path, port: int, nodes: int, begin: Callable[[], None]) -> Measured:
    command = [str(BIN / "gaffer_lookupd"), "--bind", f"127.0.0.1:{port}"]
    daemon = Daemon(command, folder)
    with Api(port, daemon) as api:
        before, (spent, _) = resident(daemon.pid), cpu_seconds(daemon.pid)
        since = time.perf_counter()
        begin()
        _wait_known(api, nodes)
        wall = time.perf_counter() - since
        processor = cpu_seconds(daemon.pid)[0] - spent
        after = resident(daemon.pid)
    daemon.stop()
    return Measured(wall, processor, (after, before))


def _start_crowd(port: int, nodes: int) -> None:
    command = [sys.executable, "-m", "harness.nodes", str(port), str(nodes), str(JOBS)]
    subprocess.Popen(command, cwd=HERE, stderr=subprocess.DEVNULL)


def _wait_known(api: Api, nodes: int) -> None:
    """Wait until the last fact of every node is known: the process of its last job."""
    path = f"/findJob?name={crowd.job(JOBS - 1)}"

    def known() -> bool:
        sources = json.loads(api.get(path))["sources"]
        return sum(source["pids"] == [1] for source in sources) == nodes

    wait_until(known, f"{nodes} nodes", seconds=PATIENCE, every=0.3)
