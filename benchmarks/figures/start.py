"""Start a thousand processes, compared with a plain loop of subprocess.Popen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from subprocess import Popen

import trio
from harness.processes import end_all
from harness.rounds import take_turns
from harness.table import Bound, Row
from harness.thousand import COUNT, SLEEP, each

from gaffer_kernel import JobConfig, open_kernel

ROUNDS = 7
BOTH = ("stdout", "stderr")


def rows() -> Iterator[Row]:
    """Measure a kernel in this process, then compare gafferd with its peers."""
    seconds = take_turns(
        {
            "plain": _plain,
            "one job": partial(trio.run, _kernel, 1, BOTH),
            "1000 jobs": partial(trio.run, _kernel, COUNT, BOTH),
            "no pipes": partial(trio.run, _kernel, 1, ()),
        },
        ROUNDS,
    )
    for figure, trial, limit in (
        ("start 1000 (session, pidfd, 2 pipes)", "one job", 2.0),
        ("start 1000 jobs (session, pidfd, 2 pipes)", "1000 jobs", 2.0),
        ("start 1000 without pipes", "no pipes", 1.5),
    ):
        yield Row(
            figure=figure,
            gaffer=seconds[trial].median,
            unit="s",
            baseline=seconds["plain"].median,
            baseline_name="Popen loop",
            ratio=seconds[trial].over(seconds["plain"]),
            bound=Bound(limit=limit, relative=True),
        )
    gaffer, supervisord, circus = each(lambda life: life.start)
    yield Row(
        figure="start 1000, gafferd: first child to last",
        gaffer=gaffer,
        unit="s",
        supervisord=supervisord,
        circus=circus,
    )


def _plain() -> float:
    begin = time.perf_counter()
    processes = [Popen(SLEEP) for _ in range(COUNT)]
    elapsed = time.perf_counter() - begin
    end_all()
    for process in processes:
        process.returncode = 0
    return elapsed


async def _kernel(jobs: int, outputs: tuple[str, ...]) -> float:
    command, *args = SLEEP
    configs = [
        JobConfig(
            name=f"sleeper{number}",
            cmd=command,
            args=args,
            numprocesses=COUNT // jobs,
            redirect_output=outputs,
        )
        for number in range(jobs)
    ]
    async with open_kernel() as kernel:
        begin = time.perf_counter()
        loaded = [kernel.manager.load(config) for config in configs]
        for job in loaded:
            await job.settled()
        return time.perf_counter() - begin
