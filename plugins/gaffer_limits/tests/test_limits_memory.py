"""Processes that use too much memory are replaced."""

import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_kernel import JobConfig, open_kernel
from gaffer_kernel.testing import FakeSystem, Recorder
from gaffer_testing.waiting import wait_until

from gaffer_limits import plugin as plugin_module
from gaffer_limits.memory import MemoryWatcher, measure_memory
from gaffer_limits.plugin import LimitsPlugin

M = 1024**2


class Machine:
    """Fake processes and their memory.

    Attributes:
        used: bytes by os pid; 10 MiB for those that are not in it.
        times: when something was measured.
    """

    def __init__(self) -> None:
        self.used: dict[int, int] = {}
        self.times: list[float] = []
        self.recorder = Recorder()

    def measure(self, os_pid: int) -> int:
        self.times.append(trio.current_time())
        return self.used.get(os_pid, 10 * M)

    @asynccontextmanager
    async def running(self, **options):
        plugins = [LimitsPlugin(), self.recorder]
        async with open_kernel(plugins=plugins, system=FakeSystem()) as kernel:
            job = kernel.manager.load(JobConfig(name="web", cmd="serve", options=options))
            await job.settled()
            yield job


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    watcher = lambda kernel: MemoryWatcher(kernel, machine.measure)  # noqa: E731
    monkeypatch.setattr(plugin_module, "MemoryWatcher", watcher)
    return machine


async def test_a_process_above_its_limit_is_replaced_after_the_time(autojump_clock, machine):
    async with machine.running(memory_restart="100M") as job:
        [process] = job.processes
        machine.used[process.os_pid] = 150 * M
        began = trio.current_time()
        crashed = await machine.recorder.wait_for("crash", pid=process.pid)
        assert 30 <= trio.current_time() - began <= 36
        reason = "uses 150M of memory, more than memory_restart = 100M for 30 s"
        assert crashed.data["reason"] == reason
        await machine.recorder.wait_for("spawn", pid=2)
        await trio.sleep(100)
        assert job.pids() == [2]


async def test_a_process_that_is_above_its_limit_for_a_shorter_time_stays(autojump_clock, machine):
    async with machine.running(memory_restart="100M") as job:
        [process] = job.processes
        for _ in range(5):
            machine.used[process.os_pid] = 150 * M
            await trio.sleep(20)
            machine.used[process.os_pid] = 100 * M
            await trio.sleep(20)
        assert job.pids() == [1]


async def test_a_short_time_is_measured_often(autojump_clock, machine):
    options = {"memory_restart": 100 * M, "memory_restart_for": "2s"}
    async with machine.running(**options) as job:
        [process] = job.processes
        machine.used[process.os_pid] = 1024**3
        began = trio.current_time()
        crashed = await machine.recorder.wait_for("crash")
        assert 2 <= trio.current_time() - began <= 3
        assert crashed.data["reason"].startswith("uses 1G of memory")


async def test_nothing_is_measured_without_the_key(autojump_clock, machine):
    async with machine.running(nice=3):
        await trio.sleep(1000)
    assert machine.times == []


async def test_the_key_applies_to_running_processes_at_once(autojump_clock, machine):
    async with machine.running() as job:
        [process] = job.processes
        machine.used[process.os_pid] = 150 * M
        options = {"memory_restart": "100M", "memory_restart_for": 10}
        job.update(JobConfig(name="web", cmd="serve", options=options))
        await trio.sleep(5)
        assert job.pids() == [1]
        await machine.recorder.wait_for("crash", pid=1)
        job.update(JobConfig(name="web", cmd="serve"))
        await job.settled()
        measured = len(machine.times)
        await trio.sleep(1000)
        assert len(machine.times) <= measured + 1


async def test_one_offs_are_not_measured(autojump_clock, machine):
    async with machine.running(memory_restart="1M") as job:
        job.stop()
        await job.settled()
        measured = len(machine.times)
        job.commit()
        await trio.sleep(100)
        assert len(job.pids()) == 1
        assert len(machine.times) == measured


TREE = """
import subprocess, sys
block = b"x" * (20 << 20)
child = "block = b'x' * (30 << 20); print('ready', flush=True); input()"
subprocess.run([sys.executable, "-S", "-c", child], stdin=sys.stdin)
"""


def test_memory_of_a_process_includes_that_of_its_descendants():
    with subprocess.Popen(
        [sys.executable, "-S", "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        wait_until(lambda: measure_memory(process.pid) > 50 * M)
        assert measure_memory(process.pid) < 150 * M
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.wait()
    assert measure_memory(process.pid) == 0
