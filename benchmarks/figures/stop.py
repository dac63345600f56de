"""Stop a hundred and a thousand processes: from SIGTERM to the supervisor until all are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from harness.api import Api, free_port
from harness.processes import has_no_descendants, wait_until
from harness.supervisors import Program, gafferd, running, scratch
from harness.table import Bound, Row
from harness.thousand import SLEEP, each

ROUNDS = 7
COUNT = 100


def rows() -> Iterator[Row]:
    """Compare gafferd with its peers."""
    gaffer, supervisord, circus = each(lambda life: life.stop)
    yield Row(
        figure="stop 1000",
        gaffer=gaffer,
        unit="s",
        supervisord=supervisord,
        circus=circus,
        bound=Bound(limit=2.0),
    )
    yield Row(
        figure="stop 100, with the API",
        gaffer=median(_stop_hundred() for _ in range(ROUNDS)),
        unit="s",
        bound=Bound(limit=0.06),
    )


def _stop_hundred() -> float:
    with scratch() as folder:
        port = free_port()
        options = ("--bind", f"127.0.0.1:{port}")
        programs = [Program("sleeper", SLEEP, COUNT)]
        command = gafferd(folder, programs, plugins=("signals", "http"), options=options)
        with running(command, folder) as daemon, Api(port, daemon):
            wait_until(lambda: daemon.count() >= COUNT, "all children", seconds=20, every=0.01)
            begin = time.perf_counter()
            daemon.stop()
            wait_until(has_no_descendants, "the end of all children", seconds=20, every=0.001)
            return time.perf_counter() - begin
