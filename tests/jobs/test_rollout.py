"""Rollouts: batches, readiness, and the return to the old processes after a failure."""

import pytest
import trio

from gaffer_kernel.errors import InvalidField, SpawnError
from gaffer_kernel.jobs.rollout import get_batch_size, get_ready_after
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, SLOW, Span, fakes, web

ABSENT = Plan(error=SpawnError("command_not_found", "no such program"))
ROLLING = {"numprocesses": 4, "restart_batch": 1, "ready_after": 1.0}


async def loaded(kernel, **settings):
    job = kernel.manager.load(web(**{**ROLLING, **settings}))
    await job.settled()
    return job


@pytest.mark.parametrize(
    ("batch", "instances", "size"),
    [
        ("all", 4, 4),
        ("all", 0, 1),
        (1, 4, 1),
        (9, 4, 9),
        ("25%", 4, 1),
        ("25%", 5, 2),
        ("1%", 1, 1),
    ],
)
def test_batch_size(batch, instances, size):
    assert get_batch_size(batch, instances) == size


@pytest.mark.parametrize(("given", "kept"), [("3", 3), (3, 3), ("25%", "25%"), ("all", "all")])
def test_batch_of_a_configuration(given, kept):
    assert web(restart_batch=given).restart_batch == kept


@pytest.mark.parametrize("batch", [0, -1, "0", "0%", "101%", "some", "", 1.5, True, None])
def test_wrong_batch_is_refused(batch):
    with pytest.raises(InvalidField, match="restart_batch: must be a whole number from 1"):
        web(restart_batch=batch)


def test_ready_after_beyond_the_timeout_is_refused():
    with pytest.raises(InvalidField, match=r"ready_after: must not be longer than ready_timeout"):
        web(ready_after=61)


async def test_instances_are_replaced_one_by_one(autojump_clock, kernel, recorder):
    job = await loaded(kernel)
    span = Span()
    most = 0
    job.restart()
    while not (span.seconds > 1 and job.status()["rollout"]["running"] is False):
        most = max(most, len(job.pids()))
        await trio.sleep(0.1)
    assert span.seconds == pytest.approx(4, abs=0.2)
    assert most == 5
    assert job.pids() == [5, 6, 7, 8]
    assert job.restart_failure is None
    names = [event.event for event in recorder.events if event.event in ("spawn", "reap")]
    assert names == ["spawn"] * 4 + ["spawn", "reap"] * 4


async def test_next_batch_waits_for_the_exit_of_the_predecessors(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = await loaded(kernel, restart_batch="50%", ready_after=0)
    job.restart()
    await trio.sleep(5)
    assert len(job.pids()) == 6
    await trio.sleep(10)
    assert job.pids() == [3, 4, 5, 6, 7, 8]
    await job.settled()
    assert job.pids() == [5, 6, 7, 8]


async def test_batch_of_a_request_wins_over_the_configuration(autojump_clock, kernel):
    job = await loaded(kernel, restart_batch="all")
    span = Span()
    job.restart(batch=2)
    await job.settled()
    assert span.seconds == pytest.approx(2, abs=0.1)
    with pytest.raises(InvalidField, match="restart_batch"):
        job.restart(batch=0)


async def test_change_to_a_version_that_crashes_keeps_the_four_old_processes(
    autojump_clock, kernel, plans, recorder, system
):
    job = await loaded(kernel)
    old = job.config
    plans["broken"] = Plan(life=0.5, exit_code=3)
    job.update(web(**{**ROLLING, "cmd": "broken"}))
    await job.settled()
    assert job.pids() == [1, 2, 3, 4]
    assert job.config == old
    assert job.restart_failure == "instance 1 exited with status 3 after 0.5 s"
    [failed] = [event for event in recorder.events if event.event == "restart_failed"]
    assert failed.data["reason"] == job.restart_failure
    fakes(job, system)[0].exit(1)
    await job.settled()
    assert fakes(job, system)[-1].request.argv[0] == "serve"


async def test_failure_takes_back_what_an_earlier_change_has_started(
    autojump_clock, kernel, plans, system
):
    plans["serve"] = Plan(life=0.1, exit_code=1)
    job = kernel.manager.load(web(**{**ROLLING, "numprocesses": 1}))
    await trio.sleep(20)
    while job.pids():
        await trio.sleep(0.05)
    plans["absent"] = ABSENT
    plans["serve"] = Plan()
    job.update(web(**{**ROLLING, "numprocesses": 1, "cmd": "second"}))
    await trio.sleep(0.5)
    assert [each.request.argv[0] for each in fakes(job, system)] == ["second"]
    job.update(web(**{**ROLLING, "numprocesses": 1, "cmd": "absent"}))
    await job.settled()
    assert "could not be started" in job.restart_failure
    assert [each.request.argv[0] for each in fakes(job, system)] == ["serve"]


async def test_restart_in_batches_keeps_processes_whose_successors_crash_within_a_second(
    autojump_clock, kernel, plans
):
    job = kernel.manager.load(web(numprocesses=3))
    await job.settled()
    plans["serve"] = Plan(life=0.5, exit_code=1)
    job.restart(batch=1)
    await job.settled()
    assert job.pids() == [1, 2, 3]
    assert job.restart_failure == "instance 1 exited with status 1 after 0.5 s"


@pytest.mark.parametrize(
    ("settings", "batch", "seconds"),
    [
        ({}, "all", 0.0),
        ({}, 1, 1.0),
        ({}, "100%", 1.0),
        ({"ready_timeout": 0.5}, 1, 0.5),
        ({"ready_after": 0}, 1, 0.0),
        ({"ready_after": 3}, "all", 3.0),
    ],
)
def test_time_until_a_successor_is_ready(settings, batch, seconds):
    assert get_ready_after(web(**settings), batch) == seconds


async def test_change_to_a_missing_program_keeps_the_old_processes(autojump_clock, kernel, plans):
    job = await loaded(kernel, ready_after=0)
    plans["absent"] = ABSENT
    job.update(web(**{**ROLLING, "cmd": "absent", "numprocesses": 6}))
    await job.settled()
    assert job.pids()[:4] == [1, 2, 3, 4]
    assert len(job.pids()) == 4
    assert job.numprocesses == 4
    assert "could not be started" in job.restart_failure


async def test_failure_takes_back_what_was_replaced_before(autojump_clock, kernel, plans, system):
    job = await loaded(kernel)
    job.update(web(**{**ROLLING, "cmd": "second"}))
    await trio.sleep(2.5)
    assert len(job.pids()) == 5
    plans["second"] = CRASH
    fakes(job, system)[-1].exit(9)
    await job.settled()
    assert [process.request.argv[0] for process in fakes(job, system)] == ["serve"] * 4
    assert job.restart_failure.startswith("instance 3 exited with status 9")


async def test_crash_of_a_new_process_that_was_ready_ends_the_rollout(
    autojump_clock, kernel, system
):
    job = await loaded(kernel)
    job.update(web(**{**ROLLING, "cmd": "second"}))
    await trio.sleep(1.5)
    [first] = [each for each in fakes(job, system) if each.request.argv[0] == "second"][:1]
    first.exit(9)
    await job.settled()
    assert [process.request.argv[0] for process in fakes(job, system)] == ["serve"] * 4


async def test_crash_of_an_old_process_does_not_end_the_rollout(autojump_clock, kernel, system):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    fakes(job, system)[2].exit(1)
    await job.settled()
    assert job.restart_failure is None
    assert len(job.pids()) == 4


async def test_smaller_number_counts_once_the_new_processes_are_ready(
    autojump_clock, kernel, plans
):
    job = await loaded(kernel)
    plans["broken"] = CRASH
    job.update(web(**{**ROLLING, "cmd": "broken", "numprocesses": 2}))
    await job.settled()
    assert job.pids() == [1, 2, 3, 4]
    job.update(web(**{**ROLLING, "cmd": "second", "numprocesses": 2}))
    await trio.sleep(1.5)
    assert len(job.pids()) == 5
    await job.settled()
    assert len(job.pids()) == 2


async def test_larger_number_is_taken_back_with_a_failure(autojump_clock, kernel, plans, system):
    job = await loaded(kernel)
    job.update(web(**{**ROLLING, "cmd": "second", "numprocesses": 6}))
    await trio.sleep(0.5)
    assert len(job.pids()) == 7
    next(each for each in fakes(job, system) if each.request.argv[0] == "second").exit(1)
    await job.settled()
    assert job.numprocesses == 4
    assert [process.request.argv[0] for process in fakes(job, system)] == ["serve"] * 4


async def test_stop_ends_a_rollout(autojump_clock, kernel):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    job.stop()
    await job.settled()
    assert job.pids() == []
    job.start()
    await job.settled()
    assert len(job.pids()) == 4
    assert job.restart_failure is None


async def test_second_change_returns_to_the_state_before_the_first(autojump_clock, kernel, plans):
    job = await loaded(kernel)
    old = job.config
    plans["broken"] = CRASH
    job.update(web(**{**ROLLING, "cmd": "second"}))
    await trio.sleep(2.5)
    job.update(web(**{**ROLLING, "cmd": "broken"}))
    await job.settled()
    assert job.config == old
    assert job.restart_failure is not None


async def test_instances_that_do_not_run_come_first(autojump_clock, kernel, plans, system):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(**ROLLING))
    await trio.sleep(100)
    assert job.pids() == []
    job.update(web(**{**ROLLING, "cmd": "second"}))
    await job.settled()
    assert len(job.pids()) == 4


async def test_successor_that_is_stopped_by_a_user_ends_the_rollout(autojump_clock, kernel):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    kernel.manager.process(5).stop()
    await job.settled()
    assert job.pids() == [1, 2, 3, 4]
    assert job.restart_failure == "instance 1 stopped by a user's request"


async def test_default_restart_of_a_broken_program_keeps_the_old_processes(
    autojump_clock, kernel, plans
):
    job = kernel.manager.load(web(numprocesses=3))
    await job.settled()
    plans["serve"] = ABSENT
    job.restart()
    await job.settled()
    assert job.pids() == [1, 2, 3]
    assert job.restart_failure is not None


async def test_predecessor_runs_until_a_plugin_says_that_its_successor_is_ready(
    autojump_clock, kernel, adviser
):
    job = kernel.manager.load(web(numprocesses=2, restart_batch=1))
    await job.settled()
    adviser.decides = True
    job.restart()
    await trio.sleep(30)
    assert job.pids() == [1, 2, 3]
    kernel.manager.process(3).set_ready(True, "answers")
    await trio.sleep(30)
    assert job.pids() == [2, 3, 4]
    kernel.manager.process(4).set_ready(True, "answers")
    await job.settled()
    assert (job.pids(), job.restart_failure) == ([3, 4], None)


async def test_rollout_fails_if_no_plugin_says_in_time_that_a_successor_is_ready(
    autojump_clock, kernel, adviser
):
    job = kernel.manager.load(web(restart_batch=1, ready_timeout=20))
    await job.settled()
    adviser.decides = True
    job.restart()
    await trio.sleep(30)
    assert (job.pids(), job.is_settled) == ([1], True)
    assert job.restart_failure == "instance 1 was not ready within 20 s"


async def test_old_processes_can_become_ready_during_a_rollout(autojump_clock, kernel, adviser):
    job = kernel.manager.load(web(restart_batch=1, ready_timeout=20))
    await job.settled()
    [old] = job.processes
    old.set_ready(False, "overloaded")
    adviser.decides = True
    job.restart()
    await trio.sleep(10)
    old.set_ready(True, "answers again")
    await trio.sleep(20)
    assert (job.pids(), job.is_settled) == ([1], True)


async def test_fewer_instances_than_a_change_asked_for_are_no_failure(
    autojump_clock, kernel, system
):
    job = await loaded(kernel, numprocesses=1)
    job.update(web(**{**ROLLING, "cmd": "second", "numprocesses": 5}))
    await trio.sleep(0.5)
    job.scale("=2")
    await job.settled()
    assert job.restart_failure is None
    assert [process.request.argv[0] for process in fakes(job, system)] == ["second"] * 2


async def test_instance_that_was_removed_and_added_again_gets_a_full_ready_after(
    autojump_clock, kernel, system
):
    job = await loaded(kernel, numprocesses=1, ready_after=2.0)
    job.update(web(**{**ROLLING, "cmd": "second", "ready_after": 2.0, "numprocesses": 2}))
    await trio.sleep(1)
    job.scale("=1")
    job.scale("=2")
    await job.settled()
    assert job.restart_failure is None
    assert [process.request.argv[0] for process in fakes(job, system)] == ["second"] * 2


async def test_crash_of_an_old_process_during_a_rollout_is_published(
    autojump_clock, kernel, system, recorder
):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    fakes(job, system)[0].exit(7)
    await job.settled()
    [crash] = [event for event in recorder.events if event.event == "crash"]
    assert (crash.data["pid"], crash.data["next_start_in"]) == (1, None)
    assert job.status()["last_exit"] == "exited with status 7 after 0.5 s"


async def test_crash_of_a_new_process_is_published(autojump_clock, kernel, system, recorder):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    fakes(job, system)[-1].exit(7)
    await job.settled()
    names = [event.event for event in recorder.events]
    assert names[names.index("exit") :] == ["exit", "crash", "restart_failed"]


async def test_successor_is_not_stopped_for_a_failure_if_another_change_follows(
    autojump_clock, kernel, recorder
):
    job = await loaded(kernel)
    job.restart()
    await trio.sleep(0.5)
    job.update(web(cmd="second"))
    await job.settled()
    reasons = [event.data["reason"] for event in recorder.events if event.event == "exit"]
    assert reasons.count("replaced before it was ready") == 1
    assert reasons.count("the configuration of the job has changed") == 4


async def test_failure_without_an_old_process_does_not_say_that_they_run(
    autojump_clock, kernel, plans, system, caplog
):
    job = await loaded(kernel, restart="never", numprocesses=2)
    fakes(job, system)[0].exit(0)
    await trio.sleep(0.1)
    job.restart()
    await trio.sleep(0.5)
    for process in fakes(job, system):
        process.exit(0)
    await trio.sleep(1)
    assert job.restart_failure is not None
    assert "old processes" not in caplog.text


async def test_process_of_a_failed_change_goes_when_the_old_program_can_start_again(
    autojump_clock, kernel, plans, system
):
    job = await loaded(kernel, numprocesses=2)
    job.update(web(**{**ROLLING, "cmd": "second", "numprocesses": 2}))
    await trio.sleep(1.5)
    plans["serve"] = ABSENT
    plans["second"] = CRASH
    next(each for each in fakes(job, system) if each.request.argv[0] == "second").exit(9)
    await trio.sleep(30)
    assert not job.is_settled
    del plans["serve"]
    await job.settled()
    assert [process.request.argv[0] for process in fakes(job, system)] == ["serve"] * 2
