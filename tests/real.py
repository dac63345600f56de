"""What the tests with real processes have in common."""

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
"""The variable by which the descendants of one test are found."""


def branded(brand: str) -> list[int]:
    """Every process that has inherited a brand, zombies left out."""
    wanted = f"{BRAND}={brand}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def end_all(brand: str) -> None:
    """End what is left of a test, and reap what has become ours."""
    deadline = time.monotonic() + 10
    while (left := branded(brand)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def children() -> set[int]:
    """Our children, zombies included."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for each in lists for pid in each.read_text().split()}


def descriptors() -> dict[int, str]:
    """Our open descriptors and what they are."""
    # An earlier test may have left some to the garbage collector.
    gc.collect()
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def exists(os_pid: int) -> bool:
    """Whether there is such a process, as a zombie too."""
    return Path(f"/proc/{os_pid}").exists()


class Runner:
    """Starts one-offs on a real kernel, and reads from the first byte what they write.

    Called, it runs a program to its end. A test speaks to one that lives on through `begin`.
    """

    def __init__(self, kernel: Kernel, recorder: Recorder) -> None:
        self.kernel = kernel
        self.recorder = recorder
        self.processes: dict[int, Process] = {}
        self.readers: dict[int, OutputReader] = {}
        self._numbers = count(1)

    def heed(self, event: Event) -> None:
        """Read from the start: told by a plugin in the middle of `spawn`, before anything ends."""
        if event.event == "spawn":
            process = self.kernel.manager.process(event.data["pid"])
            self.processes[process.pid] = process
            if process.labels:
                self.readers[process.pid] = process.outputs.reader(tail=True)

    def load(self, cmd: str, **settings: object) -> Job:
        """A job that starts nothing by itself."""
        name = f"web{next(self._numbers)}"
        return self.kernel.manager.load(JobConfig(name=name, cmd=cmd, **settings), start=False)

    async def begin(self, cmd: str, **settings: object) -> Process:
        """A process that has just been started."""
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
        """Wait for the end of a process."""
        with trio.fail_after(20):
            return await self.recorder.wait_for("exit", pid=process.pid)

    async def rest(self, process: Process) -> dict[str, bytes]:
        """All that a process writes from now to its end, by label."""
        written = dict.fromkeys(process.labels, b"")
        with trio.fail_after(20):
            async for label, data, _ in self.readers[process.pid]:
                written[label] += data
        return written

    async def __call__(self, cmd: str, **settings: object) -> str:
        """Run a program to its end; what it wrote to its standard output."""
        process = await self.begin(cmd, redirect_output=["out"], **settings)
        await self.end(process)
        return (await self.rest(process))["out"].decode()
