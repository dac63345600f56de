"""Throughput of the output of one child over the API, to a client that reads everything."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial

from harness.api import Api, free_port
from harness.follow import count_bytes, following
from harness.rounds import take_turns
from harness.supervisors import HERE, gafferd, running, scratch
from harness.table import Bound, Row

ROUNDS = 3
PACE = 120
"""Megabytes a second."""
SIZE = 360 * 1024 * 1024
PRELOAD_TIME = 3.0
"""Seconds after the start in which gafferd still imports what later requests need."""
FLOOD = 10_000
"""Megabytes a second that no machine can write."""


def rows() -> Iterator[Row]:
    """Measure a child that the client can keep up with, and one that floods."""
    rate = take_turns(
        {"paced": partial(_feed, PACE, True), "flood": partial(_feed, FLOOD, False)}, ROUNDS
    )
    yield Row(
        figure="feed=continuous, nothing lost",
        gaffer=rate["paced"].median,
        unit="MB/s",
        bound=Bound(limit=100.0, at_least=True),
    )
    yield Row(figure="feed=continuous of a flood", gaffer=rate["flood"].median, unit="MB/s")


def _feed(pace: int, whole: bool) -> float:
    """Return the megabytes a second that arrive.

    Raises:
        RuntimeError: bytes are missing although `whole` is true.
    """
    child = [str(HERE / "harness" / "paced.py"), str(pace), str(SIZE)]
    job = {
        "name": "flood",
        "cmd": sys.executable,
        "args": child,
        "redirect_output": ["stdout"],
        "redirect_input": True,
    }
    with scratch() as folder:
        port = free_port()
        options = ("--bind", f"127.0.0.1:{port}")
        command = gafferd(folder, [], plugins=("signals", "http"), options=options)
        with running(command, folder) as daemon, Api(port, daemon) as api:
            api.post("/jobs/default?wait=10", job)
            time.sleep(PRELOAD_TIME)
            with following(port, "/streams/1/stdout?feed=continuous") as feed:
                begin = time.perf_counter()
                api.send("/streams/1/stdin", b"\n")
                size = count_bytes(feed)
                took = time.perf_counter() - begin
    if whole and size != SIZE:
        raise RuntimeError(f"{size} of {SIZE} bytes were delivered")
    return size / 1e6 / took
