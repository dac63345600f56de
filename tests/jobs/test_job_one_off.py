"""One-offs: processes of a job that are neither counted nor kept alive."""

import pytest
import trio

from gaffer_kernel.errors import Closing, InvalidField, SpawnError
from gaffer_kernel.testing import Plan
from tests.fake_jobs import SLOW, STUBBORN, Span, fakes, idle, web


async def test_a_one_off_is_neither_counted_nor_kept_alive(
    autojump_clock, kernel, system, recorder
):
    job = kernel.manager.load(web(numprocesses=0))
    pid = job.commit()
    await job.settled()
    info = job.info()
    assert (pid, info["running_out"], info["max_processes"]) == (1, 1, 0)
    job.scale("+1")
    await job.settled()
    assert job.pids() == [1, 2]
    job.scale("-1")
    await job.settled()
    assert job.pids() == [1]
    fakes(job, system)[0].exit()
    exited = await recorder.wait_for("exit", pid=1)
    assert exited.data["once"] is True
    await trio.sleep(60)
    assert (job.pids(), list(job.history)) == ([], [])


async def test_a_one_off_runs_in_a_stopped_job_until_stop(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(), start=False)
    job.commit()
    await job.settled()
    assert (job.active, job.pids()) == (False, [1])
    job.stop()
    await recorder.wait_for("exit", pid=1)
    assert recorder.names("web") == ["create", "spawn", "stop_pid", "exit"]


async def test_a_one_off_has_its_own_variables_and_graceful_timeout(
    autojump_clock, kernel, system, plans
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(env={"A": "1", "B": "2"}, graceful_timeout=50, numprocesses=1))
    await job.settled()
    pid = job.commit(env={"B": "3"}, graceful_timeout=2)
    await job.settled()
    first, one_off = fakes(job, system)
    assert (first.request.environ["A"], first.request.environ["B"]) == ("1", "2")
    assert (one_off.request.environ["A"], one_off.request.environ["B"]) == ("1", "3")
    assert kernel.manager.process(pid).info()["env"] == {"A": "1", "B": "3"}
    span = Span()
    kernel.manager.process(pid).stop()
    await job.settled()
    assert span.seconds == pytest.approx(2)


@pytest.mark.parametrize("graceful_timeout", [None, 0])
async def test_a_one_off_has_the_graceful_timeout_of_its_job_by_default(
    autojump_clock, kernel, graceful_timeout
):
    job = kernel.manager.load(web(graceful_timeout=50), start=False)
    pid = job.commit(graceful_timeout=graceful_timeout)
    await job.settled()
    assert kernel.manager.process(pid).stop_timeout == 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"env": {"A": 1}},
        {"env": {"A=B": "1"}},
        {"env": {"": "1"}},
        {"env": {"A": "x\0y"}},
        {"env": "A=1"},
        {"graceful_timeout": -1},
        {"graceful_timeout": float("nan")},
        {"graceful_timeout": "soon"},
    ],
)
async def test_an_invalid_setting_of_a_one_off_is_an_error_that_names_it(
    autojump_clock, kernel, recorder, wrong
):
    job = kernel.manager.load(web(cmd="serve $A"), start=False)
    with pytest.raises(InvalidField, match=next(iter(wrong))):
        job.commit(**wrong)
    await idle()
    assert recorder.names("web") == ["create"]


async def test_a_one_off_that_cannot_start_publishes_spawn_error_with_its_pid(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(error=SpawnError("bad_cwd", "no such directory: /nope"))
    job = kernel.manager.load(web(), start=False)
    pid = job.commit()
    failed = await recorder.wait_for("spawn_error")
    assert (failed.data["pid"], failed.data["error"]) == (pid, "bad_cwd")
    assert "/nope" in failed.data["reason"]
    await trio.sleep(60)
    assert recorder.names("web") == ["create", "spawn_error"]


async def test_stop_drops_a_queued_one_off_and_publishes_spawn_error(
    autojump_clock, kernel, recorder
):
    job = kernel.manager.load(web(), start=False)
    pid = job.commit()
    job.stop()
    await idle()
    [failed] = [event for event in recorder.events if event.event == "spawn_error"]
    assert failed.data["pid"] == pid
    assert job.pids() == []


async def test_commit_to_a_job_that_is_being_unloaded_is_an_error(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web())
    await job.settled()
    job.unload()
    with pytest.raises(Closing, match="web"):
        job.commit()
