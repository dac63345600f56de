"""Responses a second of the API, compared with a bare route that returns the same bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from harness.api import Api, free_port
from harness.load import Connections, request
from harness.processes import wait_until
from harness.rounds import take_turns
from harness.supervisors import HERE, Program, gafferd, running, scratch, supervisord, why_no_peers
from harness.table import Bound, Row

JOBS = 100
CONNECTIONS = 16
ROUNDS = 7
SECONDS = 1.5
SLEEP = ["sleep", "3600"]
PROGRAMS = [Program(f"job{number}", SLEEP) for number in range(JOBS)]
RPC = (
    b"<?xml version='1.0'?><methodCall><methodName>supervisor.getAllProcessInfo</methodName>"
    b"<params></params></methodCall>"
)


def rows() -> Iterator[Row]:
    """Request the list of a hundred jobs from each server in turn."""
    with scratch() as folder, ExitStack() as stack:
        trials = {"gafferd": _gafferd(folder, stack), "bare": _bare(folder, stack)}
        absent = why_no_peers()
        if not absent:
            trials["supervisord"] = _supervisord(folder, stack)
        rate = take_turns(trials, ROUNDS)
    yield Row(
        figure=f"GET /jobs with {JOBS}, {CONNECTIONS} connections",
        gaffer=rate["gafferd"].median,
        unit="/s",
        baseline=rate["bare"].median,
        baseline_name="bare route",
        ratio=rate["gafferd"].over(rate["bare"]),
        supervisord=absent or rate["supervisord"].median,
        bound=Bound(limit=0.8, relative=True, at_least=True),
    )


def _gafferd(folder: Path, stack: ExitStack) -> Callable[[], float]:
    port = free_port()
    plugins, options = ("signals", "http"), ("--bind", f"127.0.0.1:{port}")
    command = gafferd(folder, PROGRAMS, plugins=plugins, options=options)
    daemon = stack.enter_context(running(command, folder))
    with Api(port, daemon) as api:
        wait_until(lambda: daemon.count() == JOBS, "a hundred jobs", seconds=30, every=0.05)
        (folder / "jobs").write_bytes(api.get("/jobs"))
    return _load(port, request("GET", "/jobs"))


def _bare(folder: Path, stack: ExitStack) -> Callable[[], float]:
    port = free_port()
    script = HERE / "harness" / "bare.py"
    command = [sys.executable, str(script), str(port), str(folder / "jobs")]
    daemon = stack.enter_context(running(command, folder))
    with Api(port, daemon, "/jobs") as api:
        if api.get("/jobs") != (folder / "jobs").read_bytes():
            raise RuntimeError("the bare route answers with other bytes")
    return _load(port, request("GET", "/jobs"))


def _supervisord(folder: Path, stack: ExitStack) -> Callable[[], float]:
    port = free_port()
    command = supervisord(folder, PROGRAMS, port=port)
    daemon = stack.enter_context(running(command, folder))
    wait_until(lambda: daemon.count() == JOBS, "a hundred programs", seconds=60, every=0.1)
    return _load(port, request("POST", "/RPC2", RPC, "text/xml"))


def _load(port: int, asked: bytes) -> Callable[[], float]:
    # New connections each time: a server may close idle ones between its turns.
    def ask() -> float:
        with Connections(port, CONNECTIONS) as connections:
            return connections.rate(asked, SECONDS)

    return ask
