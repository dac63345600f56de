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
ENTRIES = 2 * JOBS + 1
"""Entries of each node: its registration, its jobs, one process of each."""

KNOWN_TIMEOUT = 240.0
"""Seconds."""

LEASE = 45.0
"""The lease: seconds in which all nodes must be known again."""


class Measured(NamedTuple):
    """The measurements of one lookupd.

    Attributes:
        wall: seconds until it knew everything.
        processor: seconds of processor time until then.
        memory: resident bytes then, and before there was any node.
    """

    wall: float
    processor: float
    memory: tuple[int, int]


def rows() -> Iterator[Row]:
    """Measure time, rate and memory until all nodes are known, first and after a restart."""
    for nodes in SIZES:
        first, again = _measure(nodes)
        what, entries = f"lookupd, {nodes} nodes with {JOBS} jobs", nodes * ENTRIES
        yield Row(figure=f"{what}: all known", gaffer=first.wall, unit="s")
        yield Row(figure=f"{what}: its processor time", gaffer=first.processor, unit="s")
        yield Row(figure=f"{what}: updates", gaffer=entries / first.wall, unit="/s")
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
    """Measure the first start, and a restart."""
    with scratch() as folder:
        port = free_port()
        first = _until_known(folder, port, nodes, lambda: _start_nodes(port, nodes))
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


def _start_nodes(port: int, nodes: int) -> None:
    command = [sys.executable, "-m", "harness.nodes", str(port), str(nodes), str(JOBS)]
    subprocess.Popen(command, cwd=HERE, stderr=subprocess.DEVNULL)


def _wait_known(api: Api, nodes: int) -> None:
    """Wait until the last entry of every node is known: the process of its last job."""
    path = f"/findJob?name={crowd.job(JOBS - 1)}"

    def known() -> bool:
        sources = json.loads(api.get(path))["sources"]
        return sum(source["pids"] == [1] for source in sources) == nodes

    wait_until(known, f"{nodes} nodes", seconds=KNOWN_TIMEOUT, every=0.3)
