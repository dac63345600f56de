"""The plugin in a real kernel with real processes: its service, opening and closing."""

import os
import sys
import threading

import trio
from gaffer_kernel import JobConfig, Kernel, open_kernel

from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_stats.sampler import INTERVAL

BUSY = f'{sys.executable} -c "while True: pass"'


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


async def test_totals_of_busy_job():
    async with open_kernel(plugins=[stats_plugin]) as kernel:
        stats = kernel.services["stats"]
        job = kernel.manager.load(JobConfig(name="busy", cmd=BUSY, numprocesses=2))
        with trio.fail_after(30):
            await job.settled()
            async with stats.watch(job) as samples:
                async for sample in samples:
                    if len(sample.stats) == 2 and (sample.min_cpu or 0) > 0:
                        break
    cpus = [each.cpu for each in sample.stats]
    assert [each.pid for each in sample.stats] == [1, 2]
    assert [each.name for each in sample.stats] == ["busy", "busy"]
    assert round(abs(sample.cpu - sum(cpus)), 2) == 0
    assert (sample.max_cpu, sample.min_cpu) == (max(cpus), min(cpus))
    assert sample.mem > 0


async def test_sample_of_process_takes_one_interval():
    async with open_kernel(plugins=[stats_plugin]) as kernel:
        job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await job.settled()
        began = trio.current_time()
        sample = await kernel.services["stats"].process(1)
        assert trio.current_time() - began >= INTERVAL
    assert sample.cmdline == "sleep 60"
    assert sample.cpu is not None
    assert sample.mem_info1 > 0


async def test_watch_ends_when_process_is_killed():
    async with open_kernel(plugins=[stats_plugin]) as kernel:
        job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await job.settled()
        process = job.processes[0]
        async with kernel.services["stats"].watch(process) as samples:
            await anext(samples)
            process.kill("KILL")
            last = [sample async for sample in samples][-1]
    assert (last.pid, last.os_pid, last.name) == (1, process.os_pid, "nap")
    assert last.cpu is last.mem is last.ctime is last.mem_info1 is last.username is None


async def test_failing_pass_closes_the_plugin_only(monkeypatch):
    from gaffer_stats.measure import Meter

    def fail(self, os_pids):
        raise RuntimeError("oh no")

    monkeypatch.setattr(Meter, "measure", fail)
    async with open_kernel(plugins=[stats_plugin]) as kernel:
        job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await job.settled()
        async with (
            kernel.events.subscribe("plugin.failed") as events,
            kernel.services["stats"].watch(job) as samples,
        ):
            assert [sample async for sample in samples] == []
            event = await anext(events)
        assert "oh no" in event.data["reason"]
        assert job.processes[0].active
        assert "stats" not in kernel.services


async def test_plugin_closes_while_pass_blocks(monkeypatch):
    from gaffer_stats.measure import Meter

    hanging, release = threading.Event(), threading.Event()

    def hang(self, os_pids):
        hanging.set()
        release.wait(60)
        return {}

    monkeypatch.setattr(Meter, "measure", hang)
    try:
        async with open_kernel(plugins=[stats_plugin]) as kernel:
            job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
            async with kernel.services["stats"].watch(job) as samples:
                while not hanging.is_set():
                    await trio.sleep(0.005)
                await kernel.plugins.close("stats")
                assert [sample async for sample in samples] == []
    finally:
        release.set()


async def test_opening_and_closing_leaks_nothing():
    async def round_trip(kernel, job):
        await kernel.plugins.open("stats")
        stats = kernel.services["stats"]
        async with stats.watch(job) as samples, stats.watch(kernel.manager):
            await anext(samples)
        await kernel.plugins.close("stats")

    async with open_kernel(plugins=[stats_plugin]) as kernel:
        await kernel.plugins.close("stats")
        job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await job.settled()
        await round_trip(kernel, job)
        before = descriptors(), trio.lowlevel.current_statistics().tasks_living
        threads = threading.active_count()
        for _ in range(100):
            await kernel.plugins.open("stats")
            async with kernel.services["stats"].watch(job):
                await trio.lowlevel.checkpoint()
            await kernel.plugins.close("stats")
        await round_trip(kernel, job)
        assert before == (descriptors(), trio.lowlevel.current_statistics().tasks_living)
        # Trio caches idle threads for a while; an abandoned pass may have used another one.
        assert threading.active_count() <= threads + 3


def test_import_loads_neither_psutil_nor_quart(tmp_path):
    import subprocess

    code = "import sys, gaffer_stats.plugin; sys.exit(bool({'psutil', 'quart'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


async def test_two_kernels_have_separate_services():
    async with (
        open_kernel(plugins=[stats_plugin]) as one,
        open_kernel(plugins=[stats_plugin]) as two,
    ):
        one.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        assert [job.name for job in await one.services["stats"].all()] == ["nap"]
        assert await two.services["stats"].all() == ()


def test_plugin_is_named_stats():
    assert Kernel(plugins=[stats_plugin]).plugins.names() == ["stats"]
