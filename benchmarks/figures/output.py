"""How fast the output of one child is read, beside `child | cat >/dev/null`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import partial

import trio
from harness.rounds import medians
from harness.table import Bound, Row

from gaffer_kernel import JobConfig, Process, open_kernel

ROUNDS = 5
SIZE = 1024 * 1024 * 1024
FLOOD = ["dd", "if=/dev/zero", "bs=64K", f"count={SIZE // 65536}", "status=none"]


def rows() -> Iterator[Row]:
    """Megabytes a second, with nobody reading and with one subscriber."""
    rate = medians(
        {
            "cat": _cat,
            "drained": partial(trio.run, _kernel, False),
            "subscriber": partial(trio.run, _kernel, True),
        },
        ROUNDS,
    )
    for figure, trial in (
        ("output of one child, nobody listening", "drained"),
        ("output of one child, one subscriber", "subscriber"),
    ):
        yield Row(
            figure=figure,
            gaffer=rate[trial],
            unit="MB/s",
            beside=rate["cat"],
            beside_name="piped to cat",
            bound=Bound(limit=0.85, of_ratio=True, at_least=True),
        )


def _rate(begin: float) -> float:
    return SIZE / 1e6 / (time.perf_counter() - begin)


def _cat() -> float:
    begin = time.perf_counter()
    with subprocess.Popen(FLOOD, stdout=subprocess.PIPE) as flood:
        subprocess.run(["cat"], stdin=flood.stdout, stdout=subprocess.DEVNULL, check=True)
    return _rate(begin)


async def _kernel(subscribed: bool) -> float:
    command, *args = FLOOD
    config = JobConfig(
        name="flood", cmd=command, args=args, numprocesses=0, redirect_output=("stdout",)
    )
    async with (
        open_kernel() as kernel,
        kernel.events.subscribe("spawn", "exit") as events,
        trio.open_nursery() as nursery,
    ):
        job = kernel.manager.load(config)
        begin = time.perf_counter()
        pid = job.commit()
        async for event in events:
            if event.event == "spawn" and subscribed:
                nursery.start_soon(_read_all, kernel.manager.process(pid))
            elif event.event == "exit":
                break
    return _rate(begin)


async def _read_all(process: Process) -> None:
    size = 0
    async with process.subscribe("stdout", tail=True) as outputs:
        async for output in outputs:
            size += len(output.data) + output.lost
    if size != SIZE:
        raise RuntimeError(f"{size} of {SIZE} bytes were delivered")
