"""Scale from one instance to a hundred: from the request until the last one runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from harness.api import Api, free_port
from harness.processes import wait_until
from harness.supervisors import (
    PEERS,
    Program,
    circus_endpoint,
    circusd,
    gafferd,
    running,
    scratch,
    why_no_peers,
)
from harness.table import Bound, Row
from harness.thousand import SLEEP

ROUNDS = 3
MANY = 100
CIRCUS_SET = f"""
import sys
from circus.client import CircusClient
client = CircusClient(endpoint=sys.argv[1])
client.call({{"command": "list", "properties": {{}}}})
print("ready", flush=True)
input()
client.call({{"command": "set", "properties":
    {{"name": "sleeper", "options": {{"numprocesses": {MANY}}}, "waiting": False}}}})
"""


def rows() -> Iterator[Row]:
    """Compare with circus; supervisord cannot change the number while it runs."""
    yield Row(
        figure="1 to 100 instances, over HTTP",
        gaffer=median(_gafferd() for _ in range(ROUNDS)),
        unit="s",
        supervisord="no such verb",
        circus=why_no_peers() or _circus(),
        bound=Bound(limit=0.2),
    )


def _gafferd() -> float:
    with scratch() as folder:
        port = free_port()
        command = gafferd(
            folder,
            [Program("sleeper", SLEEP)],
            plugins=("signals", "http"),
            options=("--bind", f"127.0.0.1:{port}"),
        )
        with running(command, folder) as daemon, Api(port, daemon) as api:
            wait_until(lambda: daemon.count() == 1, "the first", seconds=10, every=0.01)
            return _timed(
                lambda: api.post("/jobs/default/sleeper/numprocesses", {"scale": f"={MANY}"}),
                daemon.count,
            )


def _circus() -> float:
    with (
        scratch() as folder,
        running(circusd(folder, [Program("sleeper", SLEEP)]), folder) as daemon,
    ):
        wait_until(lambda: daemon.count() == 1, "the first", seconds=10, every=0.01)
        with _circus_client(folder) as client:
            assert client.stdout is not None
            client.stdout.readline()
            return _timed(lambda: client.communicate(b"\n"), daemon.count)


def _circus_client(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(PEERS / "bin" / "python"), "-c", CIRCUS_SET, circus_endpoint(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _timed(ask: Callable[[], object], count: Callable[[], int]) -> float:
    begin = time.perf_counter()
    ask()
    wait_until(lambda: count() >= MANY, f"{MANY} instances", seconds=30, every=0.001)
    return time.perf_counter() - begin
