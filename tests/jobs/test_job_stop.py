"""Stopping the processes of a job: SIGTERM, graceful timeout, SIGKILL."""

import pytest
import trio

from gaffer_kernel.testing import Plan
from tests.fake_jobs import SLOW, STUBBORN, Span, fakes, web


async def test_stop_sends_only_sigterm_to_a_process_that_exits(
    autojump_clock, kernel, system, plans
):
    plans["serve"] = Plan(stop_delay=29)
    job = kernel.manager.load(web())
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    await job.settled()
    assert fake.signals == [15]
    assert span.seconds == pytest.approx(29)


@pytest.mark.parametrize("graceful_timeout", [30.0, 0.5, 0.0])
async def test_stop_kills_after_graceful_timeout(
    autojump_clock, kernel, system, plans, recorder, graceful_timeout
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(graceful_timeout=graceful_timeout))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    exited = await recorder.wait_for("exit")
    assert fake.signals == [15, 9]
    assert span.seconds == pytest.approx(graceful_timeout)
    assert exited.data["term_signal"] == 9


async def test_default_graceful_timeout_is_thirty_seconds(autojump_clock, kernel, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web())
    await job.settled()
    span = Span()
    job.stop()
    await job.settled()
    assert span.seconds == pytest.approx(30)


async def test_stop_stops_all_processes_in_parallel(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=20))
    await job.settled()
    span = Span()
    job.stop()
    await job.settled()
    assert span.seconds == pytest.approx(10)


async def test_repeated_stops_do_not_extend_the_graceful_timeout(autojump_clock, kernel, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web())
    await job.settled()
    span = Span()
    for _ in range(6):
        job.stop()
        job.stopall()
        await trio.sleep(5)
    await job.settled()
    assert span.seconds == pytest.approx(30)


async def test_exit_waits_for_descendants_that_outlive_the_process(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(lingers=3)
    job = kernel.manager.load(web())
    await job.settled()
    span = Span()
    job.stop()
    await recorder.wait_for("exit")
    assert span.seconds == pytest.approx(3)


async def test_kill_stopping_kills_only_stopping_processes(autojump_clock, kernel, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    kernel.manager.process(1).stop()
    span = Span()
    job.kill_stopping()
    await job.settled()
    assert span.seconds == pytest.approx(0)
    assert job.pids() == [2, 3]


async def test_start_during_stop_runs_again_after_the_old_processes(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    job.stop()
    job.start()
    await job.settled()
    assert job.pids() == [3, 4]
    names = recorder.names("web")
    assert names[4:8] == ["stop", "stop_pid", "stop_pid", "start"]
    assert sorted(names[8:]) == ["exit", "exit", "spawn", "spawn"]
