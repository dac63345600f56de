"""How a job's processes are told to end: TERM, patience, KILL."""

import pytest
import trio

from gaffer_kernel.testing import Plan
from tests.fake_jobs import SLOW, STUBBORN, Span, puppets, web


async def test_a_process_that_obeys_gets_only_term(autojump_clock, kernel, system, plans):
    plans["serve"] = Plan(stop_delay=29)
    job = kernel.manager.load(web())
    await job.settled()
    [puppet] = puppets(job, system)
    span = Span()
    job.stop()
    await job.settled()
    assert puppet.signals == [15]
    assert span.seconds == pytest.approx(29)


@pytest.mark.parametrize("patience", [30.0, 0.5, 0.0])
async def test_a_process_that_does_not_is_killed_when_its_patience_is_over(
    autojump_clock, kernel, system, plans, recorder, patience
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(graceful_timeout=patience))
    await job.settled()
    [puppet] = puppets(job, system)
    span = Span()
    job.stop()
    exited = await recorder.wait_for("exit")
    assert puppet.signals == [15, 9]
    assert span.seconds == pytest.approx(patience)
    assert exited.data["term_signal"] == 9


async def test_patience_is_thirty_seconds_unless_said(autojump_clock, kernel, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web())
    await job.settled()
    span = Span()
    job.stop()
    await job.settled()
    assert span.seconds == pytest.approx(30)


async def test_all_are_stopped_at_once(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=20))
    await job.settled()
    span = Span()
    job.stop()
    await job.settled()
    assert span.seconds == pytest.approx(10)


async def test_asking_again_does_not_lengthen_the_patience(autojump_clock, kernel, plans):
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


async def test_what_it_started_and_outlives_it_is_waited_for(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = Plan(lingers=3)
    job = kernel.manager.load(web())
    await job.settled()
    span = Span()
    job.stop()
    await recorder.wait_for("exit")
    assert span.seconds == pytest.approx(3)


async def test_hurrying_kills_what_is_being_stopped_and_nothing_else(autojump_clock, kernel, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    kernel.manager.process(1).stop()
    span = Span()
    job.kill_stopping()
    await job.settled()
    assert span.seconds == pytest.approx(0)
    assert job.pids() == [2, 3]


async def test_a_job_started_while_it_stops_runs_again_when_the_old_processes_are_gone(
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
