"""Feeds of samples over HTTP: formats, their end, slow and disconnected clients."""

import json

import pytest
import trio
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from gaffer_stats.measure import Meter
from gaffer_stats.sample import Sample

PATHS = ["/stats", "/stats/nap", "/jobs/shop/web/stats", "/stats/nap/1", "/pids/1/stats"]
FEEDS = ["longpoll", "continuous", "eventsource"]


def names(value):
    """Reduce a response to its names and pids, which do not change between samples."""
    if isinstance(value, dict):
        return {key: names(each) for key, each in value.items() if key in ("name", "stats", "pid")}
    return [names(each) for each in value] if isinstance(value, list) else value


def watches(kernel):
    return kernel.services["stats"]._sampler._watches


@pytest.mark.parametrize("path", PATHS)
async def test_longpoll_sends_one_sample(client, ask, path):
    for parameters in ("feed=longpoll", "heartbeat=30"):
        answer = await client.get(f"{path}?{parameters}")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.text.endswith("\n")
        [line] = answer.text.splitlines()
        assert names(json.loads(line)) == names((await ask(path))[1])


@pytest.mark.parametrize("path", PATHS)
async def test_continuous_feed_sends_sample_in_each_line(follow, ask, path):
    async with follow(f"{path}?feed=continuous", "application/x-ndjson") as lines:
        for _ in range(3):
            assert names(json.loads(await anext(lines))) == names((await ask(path))[1])


@pytest.mark.parametrize("path", PATHS)
async def test_eventsource_feed_sends_stat_events(follow, ask, path):
    async with follow(f"{path}?feed=eventsource", "text/event-stream; charset=utf-8") as lines:
        for _ in range(3):
            assert await anext(lines) == "event: stat"
            head, data = (await anext(lines)).split(" ", 1)
            assert (head, await anext(lines)) == ("data:", "")
            assert names(json.loads(data)) == names((await ask(path))[1])


async def test_feed_sends_heartbeats_during_slow_measurement(follow, kernel, monkeypatch):
    async def hang(os_pids):
        await trio.sleep_forever()

    monkeypatch.setattr(kernel.services["stats"]._sampler, "_measure", hang)
    async with follow("/stats/nap?feed=continuous&heartbeat=0.1") as lines:
        assert [await anext(lines) for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize("path", ["/stats/nap/1", "/pids/1/stats", "/1/stats"])
@pytest.mark.parametrize("feed", ["continuous", "eventsource"])
async def test_feed_of_process_ends_when_it_exits(follow, kernel, path, feed):
    async with follow(f"{path}?feed={feed}") as lines:
        await anext(lines)
        kernel.manager.process(1).kill("KILL")
        *_, last = [line async for line in lines if line]
    assert '"cpu":null' in last
    await until(lambda: not watches(kernel))


async def test_feed_of_job_follows_new_processes_and_ends_when_unloaded(follow, kernel):
    async with follow("/stats/shop.web?feed=continuous") as lines:
        [first] = json.loads(await anext(lines))["stats"]
        kernel.manager.process(first["pid"]).kill("KILL")
        pids = {first["pid"]}
        while len(pids) < 2:
            pids |= {each["pid"] for each in json.loads(await anext(lines))["stats"]}
        kernel.manager.unload("shop.web")
        async for line in lines:
            assert json.loads(line)["name"] == "shop.web"
    await until(lambda: not watches(kernel))


async def test_feed_of_all_jobs_follows_loaded_and_unloaded_jobs(follow, kernel):
    async with follow("/stats?feed=continuous") as lines:
        job = kernel.manager.load(JobConfig(name="new", cmd="sleep 63"))
        while "new" not in [each["name"] for each in json.loads(await anext(lines))]:
            pass
        kernel.manager.unload(job.name)
        while "new" in [each["name"] for each in json.loads(await anext(lines))]:
            pass


@pytest.mark.parametrize("feed", FEEDS)
async def test_feed_ends_when_plugin_closes(follow, kernel, monkeypatch, feed):
    monkeypatch.setattr("gaffer_stats.sampler.INTERVAL", 60)
    async with follow(f"/stats?feed={feed}") as lines:
        await kernel.plugins.close("stats")
        assert all([line or feed != "longpoll" async for line in lines])


@pytest.mark.parametrize("feed", FEEDS)
async def test_disconnected_client_ends_its_watch(follow, kernel, feed):
    for _ in range(10):
        async with follow(f"/stats?feed={feed}"):
            pass
    await until(lambda: not watches(kernel))


async def test_head_measures_nothing(client, kernel):
    answer = await client.head("/stats/nap?feed=eventsource")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert not watches(kernel)


async def test_slow_eventsource_client_gets_gap_event(follow, kernel, monkeypatch):
    def measure(self, os_pids):
        return {os_pid: Sample(os_pid=os_pid, cmdline="x" * 3_000_000) for os_pid in os_pids}

    monkeypatch.setattr(Meter, "measure", measure)
    async with follow("/pids/1/stats?feed=eventsource") as lines:
        await until(lambda: any(watch.dropped for watch in watches(kernel)))
        async for line in lines:
            if line == "event: gap":
                break
        gap = json.loads((await anext(lines)).removeprefix("data: "))
        assert set(gap) == {"lost"}
        assert gap["lost"] > 0
