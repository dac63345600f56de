"""Helpers of the tests with real processes."""

import gc
import os
import signal
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import trio

from gaffer_kernel import Event, Job, JobConfig, Kernel, Process
from gaffer_kernel.processes.output import OutputReader
from gaffer_kernel.testing import Recorder

BRAND = "GAFFER_TEST_BRAND"
"""The variable that marks the descendants of one test."""


def branded(brand: str) -> list[int]:
    """Return every process that has inherited a brand, without zombies."""
    wanted = f"{BRAND}={brand}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def end_all(brand: str) -> None:
    """Kill the processes that a test left, and reap those that have become our children."""
    deadline = time.monotonic() + 10
    while (left := branded(brand)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def children() -> set[int]:
    """Return our children, zombies included."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for each in lists for pid in each.read_text().split()}


def descriptors() -> dict[int, str]:
    """Return our open descriptors and what they refer to."""
    # Descriptors of an earlier test may wait for the garbage collector.
    gc.collect()
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def exists(os_pid: int) -> bool:
    """Return whether a process exists; a zombie does."""
    return Path(f"/proc/{os_pid}").exists()


class Runner:
    """Starts one-offs on a real kernel, and reads their output from the first byte.

    Calling it runs a program to its exit. `begin` starts one that runs on.
    """

    def __init__(self, kernel: Kernel, recorder: Recorder) -> None:
        self.kernel = kernel
        self.recorder = recorder
        self.processes: dict[int, Process] = {}
        self.readers: dict[int, OutputReader] = {}
        self._numbers = count(1)

    def heed(self, event: Event) -> None:
        """Create a reader; a plugin calls this during `spawn`, before any output is read."""
        if event.event == "spawn":
            process = self.kernel.manager.process(event.data["pid"])
            self.processes[process.pid] = process
            if process.labels:
                self.readers[process.pid] = process.outputs.reader(tail=True)

    def load(self, cmd: str, **settings: object) -> Job:
        """Load a job that is not started."""
        name = f"web{next(self._numbers)}"
        return self.kernel.manager.load(JobConfig(name=name, cmd=cmd, **settings), start=False)

    async def begin(self, cmd: str, **settings: object) -> Process:
        """Start a process and return it."""
        pid = self.load(cmd, **settings).commit()
        await self.recorder.wait_for("spawn", pid=pid)
        return self.processes[pid]

    async def lines(self, process: Process, *expected: str) -> None:
        """Wait until a process has written all these lines."""
        text = b""
        with trio.fail_after(10):
            while not {line.encode() for line in expected} <= set(text.splitlines()):
                output = await self.readers[process.pid].receive()
                assert output is not None, f"{expected} are not in {text!r}"
                text += output.data

    async def end(self, process: Process) -> Event:
        """Wait for the exit of a process."""
        with trio.fail_after(20):
            return await self.recorder.wait_for("exit", pid=process.pid)

    async def rest(self, process: Process) -> dict[str, bytes]:
        """Return all that a process writes until its exit, by label."""
        written = dict.fromkeys(process.labels, b"")
        with trio.fail_after(20):
            async for label, data, _ in self.readers[process.pid]:
                written[label] += data
        return written

    async def __call__(self, cmd: str, **settings: object) -> str:
        """Run a program to its exit and return its standard output."""
        process = await self.begin(cmd, redirect_output=["out"], **settings)
        await self.end(process)
        return (await self.rest(process))["out"].decode()
