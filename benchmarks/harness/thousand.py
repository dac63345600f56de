"""A supervisor with a thousand children: start, idle, stop; measured once in a run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import cache
from statistics import median
from typing import NamedTuple

from harness.processes import cpu_seconds, has_no_descendants, wait_until, wake_ups
from harness.supervisors import WRITERS, Daemon, Program, running, scratch, why_no_peers

COUNT = 1000
SLEEP = [shutil.which("sleep") or "sleep", "1000"]
IDLE_DELAY = 3.0
IDLE = 5.0
ROUNDS = 3
"""Of gafferd; its peers take half a minute each and have one."""


class Life(NamedTuple):
    """Seconds from the first child to the last, cost of idling, seconds from SIGTERM to the end."""

    start: float
    wake_ups: int
    idle_cpu: float
    stop: float


def each(pick: Callable[[Life], float]) -> tuple[float, float | str, float | str]:
    """Return the values of gafferd, supervisord and circus; a reason for those not installed."""
    reason = why_no_peers()
    supervisord, circus = (reason or pick(_life(name, 0)) for name in ("supervisord", "circus"))
    return median(pick(_life("gafferd", number)) for number in range(ROUNDS)), supervisord, circus


@cache
def _life(supervisor: str, number: int) -> Life:
    with scratch() as folder:
        command = WRITERS[supervisor](folder, [Program("sleeper", SLEEP, COUNT)])
        with running(command, folder) as daemon:
            return Life(_start(daemon), *_idle(daemon.pid), _stop(daemon))


def _start(daemon: Daemon) -> float:
    wait_until(lambda: daemon.count() > 0, "first child", seconds=20, every=0.001)
    begin = time.perf_counter()
    wait_until(lambda: daemon.count() >= COUNT, "all children", seconds=120, every=0.01)
    return time.perf_counter() - begin


def _idle(pid: int) -> tuple[int, float]:
    time.sleep(IDLE_DELAY)
    before, (cpu, _) = wake_ups(pid), cpu_seconds(pid)
    time.sleep(IDLE)
    after, (more_cpu, _) = wake_ups(pid), cpu_seconds(pid)
    return after - before, more_cpu - cpu


def _stop(daemon: Daemon) -> float:
    begin = time.perf_counter()
    daemon.stop()
    wait_until(has_no_descendants, "the end of all children", seconds=60, every=0.01)
    return time.perf_counter() - begin
