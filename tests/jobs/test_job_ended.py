"""Jobs that have completed or failed: `restart`, `success_codes` and `max_restarts`."""

import pytest
import trio
import trio.lowlevel

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, fakes, web

DONE = Plan(life=1.0)


def get_state(job):
    return job.status()["state"]


async def test_states_of_a_service(autojump_clock, kernel, plans):
    job = kernel.manager.load(web(), start=False)
    assert get_state(job) == "stopped"
    job.start()
    await job.settled()
    assert get_state(job) == "active"
    plans["serve"] = CRASH
    job.restart()
    await trio.sleep(100)
    assert get_state(job) == "waiting"
    job.stop()
    assert get_state(job) == "stopped"


async def test_job_without_instances_is_active(autojump_clock, kernel):
    job = kernel.manager.load(web(numprocesses=0))
    await job.settled()
    assert get_state(job) == "active"


@pytest.mark.parametrize("restart", ["never", "on-failure"])
async def test_job_completes_after_the_success_of_all(
    autojump_clock, kernel, plans, recorder, restart
):
    plans["serve"] = DONE
    job = kernel.manager.load(web(restart=restart, numprocesses=2))
    await recorder.wait_for("completed")
    assert recorder.names("web") == [
        *("create", "start"),
        *["spawn", "ready"] * 2,
        *["exit"] * 2,
        "completed",
    ]
    await job.settled()
    await trio.sleep(1000)
    assert (get_state(job), job.active, job.pids()) == ("completed", False, [])
    assert (job.status()["failing"], job.status()["stopped"], job.restarts) == (False, False, 0)


async def test_job_is_active_while_an_instance_runs(autojump_clock, kernel, plans, system):
    job = kernel.manager.load(web(restart="never", numprocesses=2))
    await job.settled()
    fakes(job, system)[0].exit(0)
    await trio.sleep(1)
    assert (get_state(job), len(job.pids()), job.is_settled) == ("active", 1, True)
    fakes(job, system)[0].exit(0)
    await trio.sleep(1)
    assert get_state(job) == "completed"


async def test_job_fails_if_one_instance_failed(autojump_clock, kernel, system, recorder):
    job = kernel.manager.load(web(restart="never", numprocesses=2))
    await job.settled()
    fakes(job, system)[0].exit(3)
    await trio.sleep(1)
    assert (get_state(job), job.status()["failing"]) == ("active", True)
    fakes(job, system)[0].exit(0)
    failed = await recorder.wait_for("failed")
    assert failed.data == {
        "reason": "exited with status 3 after 0.0 s: not started again: restart = never"
    }
    assert (get_state(job), recorder.names("web").count("crash")) == ("failed", 1)


async def test_success_codes_are_no_failures(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=1.0, exit_code=3)
    job = kernel.manager.load(web(restart="on-failure", success_codes=[0, 3]))
    await recorder.wait_for("completed")
    assert (get_state(job), "crash" in recorder.names("web")) == ("completed", False)


async def test_signal_is_a_failure(autojump_clock, kernel, system, recorder):
    job = kernel.manager.load(web(restart="never"))
    await job.settled()
    fakes(job, system)[0].exit(term_signal=9)
    failed = await recorder.wait_for("failed")
    assert failed.data["reason"].startswith("killed by SIGKILL after 0.0 s")


async def test_failure_is_restarted_until_success(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=1.0, exit_code=1)
    job = kernel.manager.load(web(restart="on-failure"))
    await trio.sleep(10)
    plans["serve"] = DONE
    await recorder.wait_for("completed")
    assert (get_state(job), job.restarts > 2) == ("completed", True)


async def test_max_restarts_fails_the_job(autojump_clock, kernel, plans, recorder, system):
    plans["serve"] = Plan(life=1.1, exit_code=3)
    job = kernel.manager.load(web(max_restarts=3))
    failed = await recorder.wait_for("failed")
    assert (system.spawned, job.restarts) == (4, 3)
    assert failed.data["reason"] == (
        "exited with status 3 after 1.1 s: not started again: max_restarts = 3"
    )
    job.start()
    await trio.sleep(1000)
    assert (system.spawned, get_state(job)) == (8, "failed")


async def test_healthy_life_resets_max_restarts(autojump_clock, kernel, plans, system):
    plans["serve"] = Plan(life=10.0, exit_code=3)
    job = kernel.manager.load(web(max_restarts=3))
    await trio.sleep(1000)
    assert (get_state(job), system.spawned > 90) == ("active", True)


async def test_success_under_always_backs_off_and_is_no_crash(
    autojump_clock, kernel, plans, recorder, system
):
    plans["serve"] = Plan(life=0.5)
    job = kernel.manager.load(web())
    await trio.sleep(1000)
    assert 50 <= system.spawned <= 120
    assert "crash" not in recorder.names("web")
    assert (job.active, job.restarts >= 50) == (True, True)


async def test_program_that_cannot_start_fails_a_job_without_restarts(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program: serve"))
    job = kernel.manager.load(web(restart="never"))
    failed = await recorder.wait_for("failed")
    assert failed.data["reason"] == (
        "could not be started: no such program: serve: not started again: restart = never"
    )
    assert (get_state(job), job.is_settled) == ("failed", True)
    assert recorder.names("web") == ["create", "start", "spawn_error", "failed"]


async def test_job_that_gave_up_has_failed(autojump_clock, kernel, plans, recorder):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping(attempts=2, retry_in=5, max_retry=1)))
    await recorder.wait_for("flap")
    assert get_state(job) == "waiting"
    failed = await recorder.wait_for("failed")
    assert failed.data["reason"] == (
        "exited with status 1 after 0.0 s: given up: flapping with max_retry = 1"
    )
    assert (get_state(job), recorder.names("web")[-2:]) == ("failed", ["flap", "failed"])


async def test_crash_event_has_its_fields(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=2.5, exit_code=3)
    job = kernel.manager.load(web(max_restarts=1))
    await recorder.wait_for("failed")
    crash, last = [event.data for event in recorder.events if event.event == "crash"]
    assert crash == {
        "number": 1,
        "pid": 1,
        "os_pid": 1000,
        "detach": False,
        "exit_code": 3,
        "term_signal": 0,
        "uptime": 2.5,
        "reason": "exited with status 3 after 2.5 s",
        "next_start_in": 0.0,
    }
    assert last["next_start_in"] is None
    names = recorder.names("web")
    assert names[names.index("exit") :][:3] == ["exit", "crash", "spawn"]
    assert job.status()["last_exit"] == crash["reason"]


@pytest.mark.parametrize("ended", ["completed", "failed"])
@pytest.mark.parametrize("verb", ["start", "restart", "update"])
async def test_ended_job_starts_again(autojump_clock, kernel, plans, recorder, ended, verb):
    plans["serve"] = Plan(life=1.0, exit_code=ended == "failed")
    config = web(restart="never", numprocesses=2)
    job = kernel.manager.load(config)
    await recorder.wait_for(ended)
    plans["serve"] = Plan()
    getattr(job, verb)(*[config] * (verb == "update"))
    await job.settled()
    assert (get_state(job), len(job.pids())) == ("active", 2)
    assert recorder.names("web").count("start") == 2


@pytest.mark.parametrize("verb", ["stop", "unload"])
async def test_ended_job_can_be_stopped(autojump_clock, kernel, plans, recorder, verb):
    plans["serve"] = DONE
    job = kernel.manager.load(web(restart="never"))
    await recorder.wait_for("completed")
    getattr(job, verb)()
    await job.settled()
    assert get_state(job) == "stopped"
    job.start()
    await trio.lowlevel.checkpoint()
    assert job.active == (verb == "stop")


async def test_scale_does_not_start_an_ended_job(autojump_clock, kernel, plans, recorder, system):
    plans["serve"] = DONE
    job = kernel.manager.load(web(restart="never"))
    await recorder.wait_for("completed")
    job.scale("=3")
    await trio.sleep(100)
    assert (get_state(job), system.spawned) == ("completed", 1)


async def test_scale_down_to_ended_instances_ends_the_job(autojump_clock, kernel, plans, system):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(restart="on-failure", numprocesses=2))
    await trio.sleep(100)
    plans["serve"] = DONE
    while job.is_settled is False:
        await trio.sleep(1)
    job.scale("=1")
    await trio.sleep(5)
    assert get_state(job) == "completed"
