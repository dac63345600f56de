"""Crashes and failed spawns."""

import pytest
import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, Span, fakes, web

# Restarts


async def test_a_crash_after_a_long_uptime_is_replaced_at_once(autojump_clock, kernel, plans):
    plans["serve"] = Plan(life=10.0)
    job = kernel.manager.load(web())
    await trio.sleep(105)
    assert job.pids() == [11]


@pytest.mark.parametrize("life", [0.0, 1.1])
async def test_a_crash_loop_costs_next_to_nothing(autojump_clock, kernel, plans, system, life):
    plans["serve"] = Plan(life=life, exit_code=1)
    kernel.manager.load(web())
    await trio.sleep(1)
    assert 1 <= system.spawned <= 8
    await trio.sleep(3600)
    assert 300 <= system.spawned <= 450


async def test_a_crashing_job_is_started_within_the_maximum_delay(
    autojump_clock, kernel, plans, system
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(1000)
    plans["serve"] = Plan()
    await trio.sleep(11)
    assert len(job.pids()) == 1


async def test_restarts_counts_crashes_and_no_requested_stops(
    autojump_clock, kernel, plans, system
):
    plans["serve"] = Plan(life=2.0)
    job = kernel.manager.load(web(numprocesses=2, healthy_after=1))
    assert job.status()["restarts"] == 0
    await trio.sleep(5)
    assert job.status()["restarts"] == 4
    job.restart()
    await job.settled()
    job.scale("=1")
    job.stop()
    await job.settled()
    assert (job.status()["restarts"], job.restarts) == (4, 4)


async def test_a_long_uptime_resets_the_delays(autojump_clock, kernel, plans, system):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(1000)
    plans["serve"] = Plan()
    await job.settled()
    await trio.sleep(11)
    span = Span()
    fakes(job, system)[0].exit(1)
    plans["serve"] = CRASH
    before = system.spawned
    while system.spawned < before + 3:
        await trio.sleep(0.01)
    assert span.seconds < 0.5


async def test_backoff_of_one_instance_does_not_slow_its_siblings(
    autojump_clock, kernel, plans, system
):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    plans["serve"] = CRASH
    fakes(job, system)[0].exit(1)
    await trio.sleep(100)
    plans["serve"] = Plan()
    span = Span()
    system.processes[kernel.manager.process(2).os_pid].exit(1)
    while 2 in job.pids() or not any(p.number == 2 for p in job.processes):
        await trio.sleep(0.01)
    assert span.seconds < 0.1


@pytest.mark.parametrize("verb", ["stop", "unload"])
async def test_stop_cancels_a_pending_restart(autojump_clock, kernel, plans, system, verb):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(20)
    spawned = system.spawned
    getattr(job, verb)()
    await trio.sleep(3600)
    assert system.spawned == spawned


@pytest.mark.parametrize("verb", ["restart", "reload", "start"])
async def test_restart_does_not_wait_for_the_pending_one(autojump_clock, kernel, plans, verb):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(1000)
    plans["serve"] = Plan()
    span = Span()
    getattr(job, verb)()
    await job.settled()
    assert span.seconds == pytest.approx(0)


async def test_scale_to_zero_cancels_a_pending_restart(autojump_clock, kernel, plans, system):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(20)
    spawned = system.spawned
    job.scale("=0")
    await job.settled()
    await trio.sleep(100)
    assert (system.spawned, job.active) == (spawned, True)


async def test_history_keeps_a_bounded_number_of_crashes(autojump_clock, kernel, plans):
    plans["serve"] = Plan(life=1.0, exit_code=3)
    job = kernel.manager.load(web(healthy_after=1))
    await trio.sleep(500.5)
    assert len(job.history) == 100
    last = job.history[-1]
    assert (last.number, last.exit_code, last.term_signal) == (1, 3, 0)
    assert (last.at, last.uptime) == (pytest.approx(500), pytest.approx(1))


# Failed spawns


async def test_a_failed_spawn_is_published_and_logged_once(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program: serve"))
    job = kernel.manager.load(web())
    other = kernel.manager.load(web(name="other", cmd="fine"))
    failed = await recorder.wait_for("spawn_error")
    assert failed.data["error"] == "command_not_found"
    assert failed.data["pid"] == 1
    assert job.status()["last_error"] == "no such program: serve"
    await other.settled()
    assert (job.active, job.pids(), len(other.pids())) == (True, [], 1)


async def test_a_failed_spawn_is_retried_with_growing_delays(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program"))
    job = kernel.manager.load(web())
    await trio.sleep(3600)
    assert 300 <= recorder.names("web").count("spawn_error") <= 450
    plans["serve"] = Plan()
    await trio.sleep(11)
    assert len(job.pids()) == 1
    assert job.status()["last_error"] is None


async def test_a_spawn_without_resources_is_retried_soon_and_is_no_crash(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(error=SpawnError("no_resources", "too many open files"))
    job = kernel.manager.load(web(flapping=Flapping(attempts=1, max_retry=0)))
    await trio.sleep(60)
    assert 60 <= recorder.names("web").count("spawn_error") <= 150
    assert (job.active, list(job.history)) == (True, [])
    plans["serve"] = Plan()
    await trio.sleep(1)
    assert len(job.pids()) == 1


async def test_failed_spawns_count_towards_flapping(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(error=SpawnError("bad_cwd", "no such directory"))
    job = kernel.manager.load(web(flapping=Flapping(attempts=2, retry_in=1, max_retry=1)))
    await trio.sleep(100)
    assert recorder.names("web") == [
        "create",
        "start",
        "spawn_error",
        "waiting",
        "spawn_error",
        "flap",
        "start",
        "spawn_error",
        "spawn_error",
        "flap",
        "failed",
    ]
    assert job.status()["flapping"]["gave_up"] is True


@pytest.mark.parametrize("by", ["flapping", "a plugin"])
async def test_a_failed_spawn_is_never_retried_at_once(
    autojump_clock, kernel, plans, adviser, recorder, by
):
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program: serve"))
    adviser.delay = 0.0 if by == "a plugin" else None
    rule = Flapping(attempts=1000, window=0.1) if by == "flapping" else None
    kernel.manager.load(web(flapping=rule))
    await trio.sleep(9.95)
    assert recorder.names("web").count("spawn_error") == 100


@pytest.mark.parametrize("looks", range(12))
async def test_a_restart_due_between_two_reads_of_the_clock_is_not_lost(
    autojump_clock, kernel, plans, system, monkeypatch, looks
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(100)
    plans["serve"] = Plan()
    due = job._supervisor.instances.slots.next_due().due
    before = iter([due - 1e-6] * looks)
    monkeypatch.setattr(system, "now", lambda: next(before, max(due, trio.current_time())))
    job.scale("+0")
    await trio.sleep(20)
    assert len(job.pids()) == 1


async def test_failing_lasts_until_a_successor_is_healthy(autojump_clock, kernel, plans):
    plans["serve"] = Plan(life=0.2, exit_code=3)
    job = kernel.manager.load(web(healthy_after=1))
    await job.settled()
    assert not job.status()["failing"]
    await trio.sleep(0.3)
    assert job.pids() == [2]
    assert job.status()["failing"]
    plans["serve"] = Plan()
    await trio.sleep(0.5)
    assert job.pids() == [3]
    assert job.status()["failing"]
    await trio.sleep(1)
    assert not job.status()["failing"]


async def test_a_stopped_job_is_not_failing(autojump_clock, kernel, plans):
    plans["serve"] = Plan(life=0.2, exit_code=3)
    job = kernel.manager.load(web())
    await trio.sleep(2)
    assert job.status()["failing"]
    job.stop()
    await job.settled()
    assert not job.status()["failing"]
