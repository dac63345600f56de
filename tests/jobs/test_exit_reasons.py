"""`asked` and `reason` of the events of a process that exits or is stopped."""

import pytest

from gaffer_kernel import JobConfig
from gaffer_kernel.testing import Plan
from tests.fake_jobs import fakes


def change(job):
    job.update(JobConfig(name="web", cmd="other"))


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda job: job.stop(), "stopped by a user's request"),
        (lambda job: job.stopall(), "stopped by a user's request"),
        (lambda job: job.processes[0].stop(), "stopped by a user's request"),
        (lambda job: job.restart(), "restarted by a user's request"),
        (lambda job: job.reload(), "reloaded by a user's request"),
        (lambda job: job.scale("-1"), "the job has fewer instances now"),
        (lambda job: job.unload(), "the job has been unloaded"),
        (change, "the configuration of the job has changed"),
    ],
)
async def test_requested_exit_says_who_requested_it(autojump_clock, kernel, recorder, stop, reason):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
    await job.settled()
    stop(job)
    exited = await recorder.wait_for("exit", pid=1)
    assert (exited.data["asked"], exited.data["reason"]) == (True, reason)
    [stopped] = [event for event in recorder.events if event.event in ("stop_pid", "reap")]
    assert stopped.data["reason"] == reason


@pytest.mark.parametrize(
    ("exit_code", "term_signal", "reason"),
    [
        (0, 0, "exited with status 0 after 0.0 s"),
        (3, 0, "exited with status 3 after 0.0 s"),
        (0, 9, "killed by SIGKILL after 0.0 s"),
    ],
)
async def test_other_exit_says_how_it_exited(
    autojump_clock, kernel, system, recorder, exit_code, term_signal, reason
):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
    await job.settled()
    fakes(job, system)[0].exit(exit_code, term_signal=term_signal)
    exited = await recorder.wait_for("exit", pid=1)
    assert (exited.data["asked"], exited.data["reason"]) == (False, reason)


async def test_signal_of_a_user_is_no_requested_stop(autojump_clock, kernel, recorder):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
    await job.settled()
    job.killall("KILL")
    exited = await recorder.wait_for("exit", pid=1)
    assert (exited.data["asked"], exited.data["reason"]) == (False, "killed by SIGKILL after 0.0 s")


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Plan(life=3, term_signal=9, oom_killed=True), "killed by SIGKILL after 3.0 s"),
        (Plan(life=3, exit_code=1, oom_killed=True), "exited with status 1 after 3.0 s"),
    ],
)
async def test_exit_for_lack_of_memory_is_reported_as_such(
    autojump_clock, kernel, plans, recorder, caplog, plan, reason
):
    plans["serve"] = plan
    job = kernel.manager.load(JobConfig(name="web", cmd="serve", restart="never"))
    exited = await recorder.wait_for("exit")
    assert (exited.data["oom_killed"], exited.data["reason"]) == (True, f"{reason}: out of memory")
    crashed = await recorder.wait_for("crash")
    assert crashed.data["reason"] == f"{reason}: out of memory"
    assert job.status()["last_exit"] == f"{reason}: out of memory"
    assert f"{reason}: out of memory" in caplog.text


async def test_success_of_a_process_whose_child_ran_out_of_memory_is_a_success(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(life=3, oom_killed=True)
    kernel.manager.load(JobConfig(name="web", cmd="serve", restart="on-failure"))
    exited = await recorder.wait_for("exit")
    assert exited.data["oom_killed"] is True
    await recorder.wait_for("completed")


async def test_other_exits_do_not_mention_memory(autojump_clock, kernel, plans, recorder):
    plans["serve"] = Plan(life=3, term_signal=9)
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    exited = await recorder.wait_for("exit")
    assert "oom_killed" not in exited.data
