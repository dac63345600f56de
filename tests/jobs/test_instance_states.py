"""Instance states: start conditions, readiness, and replacing processes."""

import pytest
import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.testing import FakeSystem, Plan
from tests.fake_jobs import CRASH, SLOW, fakes, idle, web


def states(job):
    return [(each.number, each.state, each.reason) for each in job.instances]


def get_events(recorder, *names):
    return [
        (event.event, event.data["number"], event.data["reason"])
        for event in recorder.events
        if event.event in names
    ]


# Without a plugin


async def test_instance_is_ready_when_it_is_spawned(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2), start=False)
    assert states(job) == []
    await trio.sleep(5)
    job.start()
    await job.settled()
    assert states(job) == [(1, "ready", "started"), (2, "ready", "started")]
    assert get_events(recorder, "waiting", "ready", "unready") == [
        ("ready", 1, "started"),
        ("ready", 2, "started"),
    ]
    [first, _] = job.status()["instances"]
    assert first == {
        "number": 1,
        "pid": 1,
        "os_pid": 1000,
        "state": "ready",
        "reason": "started",
        "since": 5.0,
    }


async def test_one_off_is_no_instance(autojump_clock, kernel, recorder, adviser):
    adviser.condition, adviser.decides = "not yet", True
    job = kernel.manager.load(web(), start=False)
    pid = job.commit()
    await job.settled()
    process = kernel.manager.process(pid)
    process.set_ready(True, "so it says")
    assert (states(job), get_events(recorder, "ready", "waiting")) == ([], [])


async def test_crashed_instance_waits_with_the_reason(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=1.0, exit_code=3)
    job = kernel.manager.load(web(restart_delay=20, restart_delay_max=20))
    await trio.sleep(5)
    [(number, state, reason)] = states(job)
    assert (number, state) == (1, "waiting")
    assert reason.startswith("exited with status 3 after 1.0 s: next start after ")
    assert get_events(recorder, "waiting") == [("waiting", 1, reason)]
    [shown] = job.status()["instances"]
    assert (shown["pid"], shown["os_pid"], shown["since"]) == (None, None, 2.0)


async def test_ended_instance_has_exited(autojump_clock, kernel, plans, system):
    job = kernel.manager.load(web(restart="never", numprocesses=2))
    await job.settled()
    fakes(job, system)[0].exit(3)
    await trio.sleep(1)
    reason = "exited with status 3 after 0.0 s: not started again: restart = never"
    assert states(job) == [(1, "exited", reason), (2, "ready", "started")]


async def test_stopping_instance_says_why(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=2))
    await trio.sleep(3)
    job.scale("=1")
    await trio.sleep(1)
    assert states(job) == [
        (1, "stopping", "the job has fewer instances now"),
        (2, "ready", "started"),
    ]
    assert job.status()["instances"][0]["since"] == 3.0
    job.stop()
    assert states(job)[1] == (2, "stopping", "stopped by a user's request")
    await job.settled()
    assert states(job) == []


async def test_paused_job_waits_and_given_up_job_has_exited(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(flapping=Flapping(retry_in=5, max_retry=1)))
    await recorder.wait_for("flap")
    reason = "exited with status 1 after 0.0 s: flapping, next try after 5 s"
    assert states(job) == [(1, "waiting", reason)]
    await recorder.wait_for("flap", gave_up=True)
    reason = "exited with status 1 after 0.0 s: given up: flapping with max_retry = 1"
    assert states(job) == [(1, "exited", reason)]


async def test_instance_that_cannot_start_waits(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program: serve"))
    job = kernel.manager.load(web())
    await trio.sleep(100)
    [(_, state, reason)] = states(job)
    assert state == "waiting"
    assert reason.startswith("could not be started: no such program: serve: next start after ")
    assert recorder.names("web").count("waiting") == 1


# Start conditions


async def test_instance_waits_for_its_start_condition(
    autojump_clock, kernel, system, recorder, adviser
):
    adviser.condition = "the database is not ready"
    job = kernel.manager.load(web(numprocesses=2))
    await trio.sleep(1000)
    assert states(job) == [(n, "waiting", "the database is not ready") for n in (1, 2)]
    assert recorder.names("web") == ["create", "start", "waiting", "waiting"]
    status = job.status()
    assert (status["state"], status["failing"], status["next_start_in"]) == ("waiting", False, None)
    assert (job.active, job.is_settled, system.spawned) == (True, False, 0)
    adviser.condition = None
    await trio.sleep(1000)
    assert system.spawned == 0
    job.reconsider()
    await job.settled()
    assert states(job) == [(1, "ready", "started"), (2, "ready", "started")]


async def test_changed_reason_is_published_again(autojump_clock, kernel, recorder, adviser):
    adviser.condition = "no database"
    job = kernel.manager.load(web())
    await idle()
    for adviser.condition in ("no database", "no cache", "no cache"):
        job.reconsider()
        await idle()
    assert [reason for _, _, reason in get_events(recorder, "waiting")] == [
        "no database",
        "no cache",
    ]


async def test_restart_waits_with_the_old_process(autojump_clock, kernel, adviser):
    job = kernel.manager.load(web())
    await job.settled()
    adviser.condition = "no database"
    job.restart()
    await trio.sleep(50)
    assert states(job) == [(1, "ready", "started"), (1, "waiting", "no database")]
    assert (job.pids(), job.status()["state"]) == ([1], "active")
    adviser.condition = None
    job.reconsider()
    await job.settled()
    assert job.pids() == [2]


async def test_crashed_instance_waits_for_its_condition(autojump_clock, kernel, system, adviser):
    job = kernel.manager.load(web())
    await job.settled()
    adviser.condition = "no database"
    fakes(job, system)[0].exit(1)
    await trio.sleep(100)
    assert states(job) == [(1, "waiting", "no database")]
    adviser.condition = None
    job.start()
    await job.settled()
    assert job.pids() == [2]


@pytest.mark.parametrize("verb", ["stop", "unload"])
async def test_waiting_job_can_be_stopped(autojump_clock, kernel, recorder, adviser, verb):
    adviser.condition = "no database"
    job = kernel.manager.load(web(numprocesses=3))
    await idle()
    getattr(job, verb)()
    await job.settled()
    assert (states(job), job.status()["state"]) == ([], "stopped")


async def test_waiting_job_can_be_scaled(autojump_clock, kernel, system, adviser):
    adviser.condition = "no database"
    job = kernel.manager.load(web(numprocesses=3))
    await idle()
    job.scale("=1")
    await idle()
    assert len(job.instances) == 1
    adviser.condition = None
    job.reconsider()
    await job.settled()
    assert system.spawned == 1


async def test_invalid_condition_is_logged_and_ignored(autojump_clock, kernel, adviser, caplog):
    adviser.condition = 5
    job = kernel.manager.load(web())
    await job.settled()
    assert "gaffer_start_condition gave 5, not a text" in caplog.text


# Readiness


async def test_plugin_decides_when_an_instance_is_ready(autojump_clock, kernel, recorder, adviser):
    adviser.decides = True
    job = kernel.manager.load(web())
    await trio.sleep(1)
    assert states(job) == [(1, "starting", "not ready yet")]
    assert (job.is_settled, job.status()["state"]) == (False, "active")
    [process] = job.processes
    process.set_ready(False, "connection refused")
    assert states(job) == [(1, "starting", "connection refused")]
    await trio.sleep(1)
    process.set_ready(True, "answered in 3 ms")
    await job.settled()
    process.set_ready(True, "answered in 4 ms")
    assert states(job) == [(1, "ready", "answered in 4 ms")]
    assert job.status()["instances"][0]["since"] == 2.0
    process.set_ready(False, "timeout")
    assert (states(job), job.is_settled) == ([(1, "unready", "timeout")], False)
    process.set_ready(True, "answered in 5 ms")
    assert job.is_settled
    assert get_events(recorder, "waiting", "ready", "unready") == [
        ("ready", 1, "answered in 3 ms"),
        ("unready", 1, "timeout"),
        ("ready", 1, "answered in 5 ms"),
    ]
    ready = await recorder.wait_for("unready")
    assert (ready.data["pid"], ready.data["os_pid"]) == (process.pid, process.os_pid)


async def test_readiness_can_be_set_in_the_hook(autojump_clock, kernel, recorder, adviser):
    def report(event):
        if event.event == "spawn":
            kernel.manager.process(event.data["pid"]).set_ready(True, "at once")

    adviser.decides, adviser.on_event = True, report
    job = kernel.manager.load(web())
    await job.settled()
    assert recorder.names("web") == ["create", "start", "spawn", "ready"]


async def test_stopping_and_exited_processes_are_never_ready(
    autojump_clock, kernel, plans, recorder, adviser
):
    adviser.decides = True
    plans["serve"] = SLOW
    job = kernel.manager.load(web())
    await trio.sleep(1)
    [process] = job.processes
    job.stop()
    process.set_ready(True, "too late")
    await job.settled()
    process.set_ready(True, "too late")
    assert "ready" not in recorder.names("web")


async def test_settled_waits_until_all_are_ready(autojump_clock, kernel, adviser):
    adviser.decides = True
    job = kernel.manager.load(web(numprocesses=2))
    await trio.sleep(1)
    with trio.move_on_after(100) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(job.settled)
            for process in job.processes:
                await trio.sleep(10)
                assert len(nursery.child_tasks) == 1
                process.set_ready(True)
    assert not scope.cancelled_caught
    assert trio.current_time() == 21


class Deciding:
    """A plugin with a condition, and with probes that never end."""

    @hookimpl
    def gaffer_start_condition(self, number):
        return "wait" if number == 2 else None

    @hookimpl
    def gaffer_readiness(self):
        return True


async def test_closed_plugin_decides_no_longer(autojump_clock):
    async with open_kernel(plugins=[Deciding()], system=FakeSystem()) as kernel:
        [info] = kernel.plugins.info()
        job = kernel.manager.load(web(numprocesses=2))
        await trio.sleep(1)
        assert states(job) == [(1, "starting", "not ready yet"), (2, "waiting", "wait")]
        await kernel.plugins.close(info.name)
        await job.settled()
        assert states(job) == [
            (1, "ready", f"plugin {info.name} has closed"),
            (2, "ready", "started"),
        ]


# Replacing


async def test_replaced_process_is_stopped_after_its_successor_has_started(
    autojump_clock, kernel, recorder
):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    recorder.events.clear()
    job.replace(job.processes[0], "a file has changed")
    await job.settled()
    assert job.pids() == [2, 3]
    assert recorder.names("web") == ["spawn", "ready", "reap", "exit"]
    exited = await recorder.wait_for("exit")
    assert (exited.data["asked"], exited.data["reason"]) == (True, "a file has changed")
    assert (list(job.history), job.restarts) == ([], 0)


async def test_process_with_a_port_is_replaced_after_its_exit(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(port=8000))
    await job.settled()
    recorder.events.clear()
    job.replace(job.processes[0], "a file has changed")
    await job.settled()
    assert recorder.names("web") == ["reap", "exit", "spawn", "ready"]
    assert job.restarts == 0


async def test_process_replaced_as_a_crash_is_stopped_first(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web())
    await trio.sleep(60)
    recorder.events.clear()
    job.replace(job.processes[0], "the health check failed", crash=True)
    await job.settled()
    assert job.pids() == [2]
    assert recorder.names("web") == ["stop_pid", "exit", "crash", "spawn", "ready"]
    exited = await recorder.wait_for("exit")
    assert (exited.data["asked"], exited.data["reason"]) == (False, "the health check failed")
    crash = await recorder.wait_for("crash")
    assert (crash.data["reason"], crash.data["next_start_in"]) == ("the health check failed", 0)
    assert job.status()["last_exit"] == "the health check failed"
    assert job.restarts == 1


async def test_replacing_as_a_crash_backs_off(autojump_clock, kernel, system):
    job = kernel.manager.load(web())
    end = trio.current_time() + 1000
    while trio.current_time() < end:
        await job.settled()
        job.replace(job.processes[0], "too large", crash=True)
    assert 90 <= system.spawned <= 120


async def test_replacing_as_a_crash_follows_the_rules(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(restart="on-failure", max_restarts=1))
    for _ in range(2):
        await job.settled()
        job.replace(job.processes[0], "too large", crash=True)
    failed = await recorder.wait_for("failed")
    assert failed.data["reason"] == "too large: not started again: max_restarts = 1"


async def test_replacing_other_processes_has_no_effect(autojump_clock, kernel, plans, recorder):
    plans["serve"] = SLOW
    job = kernel.manager.load(web())
    await job.settled()
    pid = job.commit()
    await job.settled()
    one_off, [process, _] = kernel.manager.process(pid), job.processes
    job.replace(one_off, "a one-off")
    job.stop()
    job.replace(process, "is stopping", crash=True)
    await job.settled()
    job.replace(process, "has exited")
    await idle()
    exited = await recorder.wait_for("exit", pid=process.pid)
    assert (exited.data["asked"], exited.data["reason"]) == (True, "stopped by a user's request")
    assert job.pids() == []
