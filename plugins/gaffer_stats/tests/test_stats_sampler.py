"""The sampler on a virtual clock, with a fake measurement."""

import pytest
import trio
import trio.testing
from gaffer_kernel import JobConfig, open_kernel
from gaffer_kernel.testing import FakeSystem

from gaffer_stats.sample import Sample
from gaffer_stats.sampler import INTERVAL, MAX_PENDING, Sampler
from gaffer_stats.service import Stats


class FakeMeasure:
    """Measure nothing; record the times of the calls and their os pids."""

    def __init__(self):
        self.times = []
        self.os_pids = []
        self.duration = 0.0
        self.running = 0
        self.on_call = lambda: None

    async def __call__(self, os_pids):
        assert self.running == 0, "two passes at once"
        self.running += 1
        self.times.append(trio.current_time())
        self.os_pids.append(os_pids)
        self.on_call()
        await trio.sleep(self.duration)
        self.running -= 1
        return {os_pid: Sample(os_pid=os_pid, cpu=1.5, mem=0.5) for os_pid in os_pids}


@pytest.fixture
def measure():
    return FakeMeasure()


@pytest.fixture
async def kernel(autojump_clock):
    async with open_kernel(system=FakeSystem()) as kernel:
        yield kernel


@pytest.fixture
async def sampler(measure, nursery):
    sampler = Sampler(measure)
    nursery.start_soon(sampler.run)
    return sampler


@pytest.fixture
def stats(kernel, sampler):
    return Stats(kernel.manager, sampler)


async def load(kernel, name="web", **settings):
    job = kernel.manager.load(JobConfig(name=name, cmd="serve", **settings))
    await job.settled()
    return job


async def take(samples, number):
    return [await anext(samples) for _ in range(number)]


async def test_sampler_measures_ten_times_a_second_while_watched(
    autojump_clock, kernel, stats, measure
):
    job = await load(kernel)
    began = trio.current_time()
    async with stats.watch(job) as samples:
        await take(samples, 5)
    assert measure.times == pytest.approx([began + INTERVAL * n for n in range(6)])


async def test_sampler_without_watches_sleeps(autojump_clock, kernel, stats, measure):
    job = await load(kernel)
    await trio.sleep(3600)
    assert measure.times == []
    async with stats.watch(job) as samples:
        await take(samples, 1)
    passes = len(measure.times)
    await trio.testing.wait_all_tasks_blocked()
    statistics = trio.lowlevel.current_statistics()
    assert statistics.seconds_to_next_deadline == float("inf")
    await trio.sleep(3600)
    assert len(measure.times) == passes


async def test_sampler_stops_after_last_watch(autojump_clock, kernel, stats, measure):
    job = await load(kernel)
    async with stats.watch(job) as first:
        async with stats.watch(job):
            await take(first, 1)
        await take(first, 3)
    passes = len(measure.times)
    await trio.sleep(10)
    assert len(measure.times) == passes


async def test_hundred_watchers_share_one_pass(autojump_clock, kernel, stats, measure, nursery):
    job = await load(kernel, numprocesses=3)
    got = []

    async def watch(subject):
        async with stats.watch(subject) as samples:
            got.append(await take(samples, 3))

    async with trio.open_nursery() as watchers:
        for _ in range(50):
            watchers.start_soon(watch, job)
            watchers.start_soon(watch, job.processes[0])
    assert len(got) == 100
    assert len(measure.times) == 4
    assert all(len(os_pids) == len(set(os_pids)) == 3 for os_pids in measure.os_pids)


async def test_slow_passes_do_not_overlap_and_pause_half_the_time(
    autojump_clock, kernel, stats, measure
):
    job = await load(kernel)
    measure.duration = 0.4
    async with stats.watch(job) as samples:
        await take(samples, 3)
    gaps = [after - before for before, after in zip(measure.times, measure.times[1:], strict=False)]
    assert gaps == pytest.approx([0.8, 0.8, 0.8])


async def test_short_watches_do_not_cause_more_passes(autojump_clock, kernel, stats, measure):
    job = await load(kernel)
    with trio.move_on_after(0.95):
        while True:
            async with stats.watch(job):
                await trio.sleep(0.001)
    assert len(measure.times) <= 10


async def test_watch_of_job_includes_processes_started_later(autojump_clock, kernel, stats):
    job = await load(kernel)
    async with stats.watch(job) as samples:
        [first] = await take(samples, 1)
        job.scale("+1")
        await job.settled()
        *_, last = await take(samples, 3)
    assert [each.pid for each in first.stats] == [1]
    assert [each.pid for each in last.stats] == [1, 2]
    assert [each.name for each in last.stats] == ["web", "web"]
    assert (last.cpu, last.max_cpu, last.min_cpu) == (3.0, 1.5, 1.5)
    assert (last.mem, last.max_mem, last.min_mem) == (1.0, 0.5, 0.5)


async def test_slow_watcher_loses_and_counts_oldest_samples(autojump_clock, kernel, stats):
    job = await load(kernel)
    async with stats.watch(job) as slow, stats.watch(job) as quick:
        await take(quick, MAX_PENDING)
        assert slow.dropped == 0
        job.scale("=2")
        await job.settled()
        await take(quick, 5)
        assert (slow.dropped, quick.dropped) == (5, 0)
        got = await take(slow, MAX_PENDING)
    assert len(got[-1].stats) == 2


async def test_watch_of_exited_process_ends_with_empty_sample(
    autojump_clock, kernel, stats, measure
):
    job = await load(kernel)
    process = job.processes[0]
    async with stats.watch(process) as samples:
        await take(samples, 1)
        job.stop()
        got = [sample async for sample in samples]
    assert got[-1] == Sample(pid=process.pid, os_pid=process.os_pid, name="web")


async def test_process_that_exits_during_pass_gives_empty_sample(
    autojump_clock, kernel, stats, measure
):
    job = await load(kernel)
    process = job.processes[0]
    measure.duration = 0.05
    measure.on_call = lambda: len(measure.times) == 2 and job.stop()
    sample = await stats.process(process.pid)
    assert len(measure.os_pids) == 2
    assert measure.os_pids[1] == [process.os_pid]
    assert sample == Sample(pid=process.pid, os_pid=process.os_pid, name="web")
    with pytest.raises(LookupError):
        await stats.process(process.pid)


async def test_job_without_processes_has_zero_totals(autojump_clock, kernel, stats):
    job = kernel.manager.load(JobConfig(name="idle", cmd="serve"), "shop", start=False)
    idle = await stats.job("shop.idle")
    assert idle == await stats.job(job.name)
    assert idle.name == "shop.idle"
    assert idle.stats == ()
    assert {idle.mem, idle.max_mem, idle.min_mem, idle.cpu, idle.max_cpu, idle.min_cpu} == {0}


async def test_all_returns_every_job(autojump_clock, kernel, stats, measure):
    await load(kernel, "a")
    await load(kernel, "b", numprocesses=2)
    assert [(job.name, len(job.stats)) for job in await stats.all()] == [("a", 1), ("b", 2)]
    assert len(measure.times) == 2


async def test_unknown_job_or_process_raises_lookup_error(autojump_clock, kernel, stats, measure):
    with pytest.raises(LookupError, match="no job 'x'"):
        await stats.job("x")
    with pytest.raises(LookupError, match="no process '7'"):
        await stats.process(7)
    assert measure.times == []


async def test_watch_ends_when_job_is_unloaded(autojump_clock, kernel, stats):
    job = await load(kernel)
    async with stats.watch(job) as samples:
        kernel.manager.unload(job.name)
        last = [sample async for sample in samples][-1:]
    assert job.gone.is_set()
    assert last == [] or last[0].name == "web"


async def test_watch_ends_when_sampler_is_cancelled(autojump_clock, kernel, measure):
    job = await load(kernel)
    sampler = Sampler(measure)
    stats = Stats(kernel.manager, sampler)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sampler.run)
        async with stats.watch(job) as samples:
            await take(samples, 1)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                assert len([sample async for sample in samples]) <= 1
    # A watch that starts afterwards ends at once.
    sample = await stats.process(job.pids()[0])
    assert sample == Sample(pid=1, os_pid=sample.os_pid, name="web")


async def test_cancelled_wait_loses_no_sample(autojump_clock, kernel, stats):
    job = await load(kernel)
    async with stats.watch(job) as samples:
        count = 0
        for _ in range(40):
            with trio.move_on_after(INTERVAL / 3):
                await anext(samples)
                count += 1
        assert samples.dropped == 0
        assert count >= 10
