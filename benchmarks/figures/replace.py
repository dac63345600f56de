"""Time without a killed child: from the SIGKILL until its successor reports that it runs."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from functools import cache
from statistics import median
from typing import NamedTuple

from harness.births import Birth, Births
from harness.supervisors import (
    WRITERS,
    Program,
    running,
    scratch,
    why_no_peers,
)
from harness.table import Bound, Row

CHILDREN = 20
ROUNDS = 3
APART = 0.02
"""Seconds until the next kill, if the successor has not started by then."""
START_TIMEOUT = 20.0
GROWN_UP = 11.0
"""Seconds after which gafferd replaces a killed child at once again: `healthy_after` is 10."""


class Missing(NamedTuple):
    """Seconds without the child, for each kill."""

    young: list[float]
    grown: list[float]


def rows() -> Iterator[Row]:
    """Compare gafferd with its peers."""
    gaffer = [_measure("gafferd") for _ in range(ROUNDS)]
    for figure, index in (
        ("replace a killed child, median", 1),
        ("replace a child right after its start, median", 0),
    ):
        yield Row(
            figure=figure,
            gaffer=median(value for life in gaffer for value in life[index]) * 1000,
            unit="ms",
            supervisord=_peer("supervisord", index),
            circus=_peer("circus", index),
            bound=Bound(limit=5.0),
        )


@cache
def _once(supervisor: str) -> Missing:
    return _measure(supervisor)


def _peer(name: str, index: int) -> float | str:
    return why_no_peers() or median(_once(name)[index]) * 1000


def _measure(supervisor: str) -> Missing:
    with scratch() as folder:
        births = Births(folder)
        names = [f"child{number}" for number in range(CHILDREN)]
        programs = [Program(name, births.command(name)) for name in names]
        try:
            with running(WRITERS[supervisor](folder, programs), folder):
                young, newest = _kill_each(births, births.collect(CHILDREN, START_TIMEOUT))
                time.sleep(GROWN_UP)
                grown, _ = _kill_each(births, newest)
                return Missing(young, grown)
        finally:
            births.close()


def _kill_each(births: Births, living: dict[str, Birth]) -> tuple[list[float], dict[str, Birth]]:
    """Kill one after the other; return the seconds without each, and the successors."""
    killed: dict[str, float] = {}
    successors: dict[str, Birth] = {}
    for name, birth in living.items():
        killed[name] = time.monotonic()
        os.kill(birth.pid, signal.SIGKILL)
        _note(births, successors, killed[name] + APART, {name})
    _note(births, successors, time.monotonic() + START_TIMEOUT, set(killed))
    missing = [
        successors[name].at - at if name in successors else math.inf for name, at in killed.items()
    ]
    return missing, successors


def _note(births: Births, successors: dict[str, Birth], deadline: float, pending: set[str]) -> None:
    while not pending <= successors.keys() and (left := deadline - time.monotonic()) > 0:
        for birth in births.wait(left):
            successors.setdefault(birth.name, birth)
