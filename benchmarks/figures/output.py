"""Throughput of the output of one child, compared with `child | cat >/dev/null`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import partial

import trio
from harness.rounds import take_turns
from harness.table import Bound, Row

from gaffer_kernel import JobConfig, Process, open_kernel

ROUNDS = 9
QUIET = 0.05
SIZE = 512 * 1024 * 1024
DD = f"dd if=/dev/zero bs=64K count={SIZE // 65536} status=none"
FLOOD = ["/bin/sh", "-c", f"read line && exec {DD}"]
"""Writes after it has read a line, so that the subscriber is ready before the first byte."""


def rows() -> Iterator[Row]:
    """Measure megabytes a second, without and with one subscriber."""
    rate = take_turns(
        {
            "cat": _cat,
            "drained": partial(trio.run, _kernel, False),
            "subscriber": partial(trio.run, _kernel, True),
        },
        ROUNDS,
    )
    for figure, trial in (
        ("output of one child, no subscriber", "drained"),
        ("output of one child, one subscriber", "subscriber"),
    ):
        yield Row(
            figure=figure,
            gaffer=rate[trial].median,
            unit="MB/s",
            baseline=rate["cat"].median,
            baseline_name="piped to cat",
            ratio=rate[trial].over(rate["cat"]),
            bound=Bound(limit=0.85, relative=True, at_least=True),
        )


def _rate(begin: float) -> float:
    return SIZE / 1e6 / (time.perf_counter() - begin)


def _cat() -> float:
    with (
        subprocess.Popen(FLOOD, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flood,
        subprocess.Popen(["cat"], stdin=flood.stdout, stdout=subprocess.DEVNULL) as cat,
    ):
        assert flood.stdin is not None
        assert flood.stdout is not None
        flood.stdout.close()
        time.sleep(QUIET)
        begin = time.perf_counter()
        flood.stdin.write(b"\n")
        flood.stdin.flush()
        cat.wait()
        return _rate(begin)


async def _kernel(subscribed: bool) -> float:
    command, *args = FLOOD
    config = JobConfig(
        name="flood",
        cmd=command,
        args=args,
        numprocesses=0,
        redirect_output=("stdout",),
        redirect_input=True,
    )
    async with (
        open_kernel() as kernel,
        kernel.events.subscribe("spawn", "exit") as events,
        trio.open_nursery() as nursery,
    ):
        pid = kernel.manager.load(config).commit()
        await anext(events)
        process = kernel.manager.process(pid)
        if subscribed:
            await nursery.start(_read_all, process)
        await trio.sleep(QUIET)
        begin = time.perf_counter()
        await process.write("\n")
        await anext(events)
    return _rate(begin)


async def _read_all(process: Process, *, task_status: trio.TaskStatus[None]) -> None:
    size = 0
    async with process.subscribe("stdout") as outputs:
        task_status.started()
        async for output in outputs:
            size += len(output.data) + output.lost
    if size != SIZE:
        raise RuntimeError(f"{size} of {SIZE} bytes were delivered")
