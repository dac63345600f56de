"""A job that keeps crashing: the seed's four numbers (R20)."""

import pytest
import trio

from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, fakes, idle, web


async def test_default_numbers_give_up_after_six_flaps(
    autojump_clock, kernel, plans, recorder, system
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping()))
    await trio.sleep(1000)
    flaps = [event for event in recorder.events if event.event == "flap"]
    assert len(flaps) == 6
    assert system.spawned == 12
    assert [event.data["gave_up"] for event in flaps] == [False] * 5 + [True]
    assert flaps[5].time - flaps[0].time == pytest.approx(35, abs=0.1)
    assert (job.active, job.status()["flapping"]["gave_up"]) == (False, True)
    # The last one has no successor.
    assert job.restarts == 11


async def test_flapping_behaves_as_in_the_test_of_the_seed(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=0.1, exit_code=1)
    rule = Flapping(attempts=1, window=1, retry_in=0.1, max_retry=1)
    flapping = kernel.manager.load(web(flapping=rule))
    twin = kernel.manager.load(web(name="twin"))
    await trio.sleep(0.8)
    assert not flapping.active
    assert flapping.status()["flapping"]["gave_up"]
    assert twin.active
    before = recorder.names("twin").count("spawn")
    await trio.sleep(30)
    assert recorder.names("twin").count("spawn") > before


async def test_a_flapping_job_pauses_and_starts_again(autojump_clock, kernel, plans, recorder):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping(attempts=3, window=1, retry_in=4)))
    flap = await recorder.wait_for("flap")
    assert flap.data["retry_in"] == 4
    assert job.active is False
    assert job.status()["flapping"] == {"retries": 1, "waiting": True, "gave_up": False}
    plans["serve"] = Plan()
    await trio.sleep(3.9)
    assert job.pids() == []
    await trio.sleep(0.2)
    assert (job.active, job.pids()) == (True, [4])
    assert recorder.names("web")[-3:] == ["start", "spawn", "ready"]


async def test_a_flapping_job_stops_its_other_instances(
    autojump_clock, kernel, plans, recorder, system
):
    job = kernel.manager.load(web(numprocesses=3, flapping=Flapping(attempts=2, retry_in=5)))
    await job.settled()
    await trio.sleep(10)
    for fake in fakes(job, system)[:2]:
        fake.exit(1)
    await recorder.wait_for("flap")
    await job.settled()
    assert job.pids() == []
    await trio.sleep(6)
    assert len(job.pids()) == 3


@pytest.mark.parametrize("verb", ["stop", "unload"])
async def test_stop_during_a_flap_pause_cancels_the_retry(
    autojump_clock, kernel, plans, recorder, system, verb
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping()))
    await recorder.wait_for("flap")
    spawned = system.spawned
    getattr(job, verb)()
    await trio.sleep(100)
    assert system.spawned == spawned
    assert recorder.names("web").count("stop") == 1


@pytest.mark.parametrize("verb", ["start", "restart", "update"])
async def test_start_ends_a_flap_pause_and_resets_the_retries(
    autojump_clock, kernel, plans, recorder, verb
):
    plans["serve"] = CRASH
    config = web(flapping=Flapping(attempts=2, retry_in=50, max_retry=0))
    job = kernel.manager.load(config)
    await recorder.wait_for("flap")
    await trio.sleep(1000)
    assert job.status()["flapping"]["gave_up"]
    plans["serve"] = Plan()
    getattr(job, verb)(*[config] * (verb == "update"))
    await job.settled()
    assert (job.active, len(job.pids())) == (True, 1)
    assert job.status()["flapping"] == {"retries": 0, "waiting": False, "gave_up": False}


async def test_requested_stops_do_not_count_towards_flapping(
    autojump_clock, kernel, plans, recorder
):
    job = kernel.manager.load(web(numprocesses=5, flapping=Flapping(attempts=1, max_retry=0)))
    await job.settled()
    job.scale(-2)
    job.restart()
    await job.settled()
    job.stopall()
    await job.settled()
    kernel.manager.process(job.pids()[0]).stop()
    await job.settled()
    job.stop()
    job.start()
    await job.settled()
    await trio.sleep(60)
    assert "flap" not in recorder.names("web")
    assert list(job.history) == []


async def test_crashes_of_one_offs_do_not_count_towards_flapping(
    autojump_clock, kernel, system, recorder
):
    job = kernel.manager.load(web(flapping=Flapping(attempts=1)))
    pid = job.commit()
    await job.settled()
    system.processes[kernel.manager.process(pid).os_pid].exit(1)
    await recorder.wait_for("exit", pid=pid)
    await idle()
    assert "flap" not in recorder.names("web")


async def test_an_uptime_longer_than_the_window_resets_the_retries(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = CRASH
    rule = Flapping(attempts=2, window=2, retry_in=1, max_retry=2)
    job = kernel.manager.load(web(flapping=rule))
    while recorder.names("web").count("flap") < 2:
        await trio.sleep(0.1)
    plans["serve"] = Plan(life=3)
    while not job.pids():
        await trio.sleep(0.1)
    plans["serve"] = CRASH
    while recorder.names("web").count("flap") < 5:
        await trio.sleep(0.1)
    flaps = [event for event in recorder.events if event.event == "flap"]
    assert [event.data["retries"] for event in flaps] == [1, 2, 1, 2, 2]
    assert [event.data["gave_up"] for event in flaps] == [False] * 4 + [True]


async def test_update_during_a_flap_pause_starts_with_the_new_numbers(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping(retry_in=5)))
    await recorder.wait_for("flap")
    plans["serve"] = Plan()
    job.scale("=3")
    await trio.sleep(1)
    assert job.pids() == []
    await trio.sleep(5)
    assert len(job.pids()) == 3
