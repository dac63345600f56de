"""Stopping the processes of a job: the stop_command, and signal after signal until SIGKILL."""

import pytest
import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.testing import Plan
from tests.fake_jobs import SLOW, STUBBORN, Span, fakes, idle, web


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
    assert names[6:10] == ["stop", "stop_pid", "stop_pid", "start"]
    assert sorted(names[10:]) == ["exit", "exit", "ready", "ready", "spawn", "spawn"]


# Steps

STEPS = "INT 10s, TERM 500ms, KILL"


async def test_stop_takes_each_step_when_the_time_of_the_one_before_is_over(
    autojump_clock, kernel, system, plans, recorder, caplog
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(stop=STEPS))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    exited = await recorder.wait_for("exit")
    assert [signum for _, signum in fake.stop_signals] == [2, 15, 9]
    assert [time - span.begin for time, _ in fake.stop_signals] == pytest.approx([0, 10, 10.5])
    assert exited.data["term_signal"] == 9
    assert caplog.messages == [
        "web: process 1 (os pid 1000) did not exit within 10 s: sent SIGTERM",
        "web: process 1 (os pid 1000) did not exit within 0.5 s: sent SIGKILL",
    ]


async def test_stop_takes_no_further_step_after_the_exit(autojump_clock, kernel, system, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(stop="INT 8s, TERM 30s, KILL"))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    await job.settled()
    assert fake.signals == [2, 15]
    assert span.seconds == pytest.approx(10)


async def test_stop_with_kill_alone_kills_at_once(autojump_clock, kernel, system, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(stop="KILL"))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    await job.settled()
    assert (fake.signals, span.seconds) == ([9], pytest.approx(0))


async def test_a_missing_kill_is_added_with_a_warning(
    autojump_clock, kernel, system, plans, caplog
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(stop="INT 3s", numprocesses=2))
    await job.settled()
    span = Span()
    job.stop()
    await job.settled()
    assert span.seconds == pytest.approx(3)
    assert caplog.messages[0] == "web: stop: does not end with KILL: KILL follows 3 s after INT"
    assert sum("stop:" in message for message in caplog.messages) == 1


async def test_kill_stopping_skips_the_steps(autojump_clock, kernel, system, plans):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(stop=STEPS))
    await job.settled()
    [fake] = fakes(job, system)
    job.stop()
    job.kill_stopping()
    await job.settled()
    assert fake.signals == [2, 9]


async def test_stop_timeout_is_the_time_of_all_steps_and_of_the_stop_command(
    autojump_clock, kernel
):
    await kernel.manager.load(web(stop=STEPS)).settled()
    assert kernel.manager.stop_timeout == 10.5
    await kernel.manager.load(web(name="two", stop=STEPS, stop_command="quit")).settled()
    assert kernel.manager.stop_timeout == 21


async def test_the_graceful_timeout_of_a_one_off_replaces_the_steps(
    autojump_clock, kernel, system, plans
):
    plans["serve"] = STUBBORN
    job = kernel.manager.load(web(stop=STEPS), start=False)
    pids = job.commit(graceful_timeout=2), job.commit()
    await job.settled()
    first, second = fakes(job, system)
    for pid in pids:
        kernel.manager.process(pid).stop()
    await job.settled()
    assert (first.signals, second.signals) == ([15, 9], [2, 15, 9])


# The stop_command


async def test_the_stop_command_runs_before_the_first_step(autojump_clock, kernel, system, plans):
    plans["serve"] = STUBBORN
    plans["quit"] = Plan(life=4)
    job = kernel.manager.load(web(stop="TERM 5s, KILL", stop_command="quit $MAINPID --now"))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    await idle()
    [command] = [each for each in system.processes.values() if each is not fake]
    assert command.request.argv == ["quit", "1000", "--now"]
    assert command.request.environ == {**fake.request.environ, "MAINPID": "1000"}
    await job.settled()
    assert [time - span.begin for time, _ in fake.stop_signals] == pytest.approx([4, 9])


async def test_a_stop_command_that_ends_the_process_leaves_the_steps_out(
    autojump_clock, kernel, system, plans, recorder, caplog
):
    plans["quit"] = Plan(life=4)
    job = kernel.manager.load(web(stop_command="quit"))
    await job.settled()
    [fake] = fakes(job, system)
    job.stop()
    span = Span()
    await trio.sleep(1)
    fake.exit(0)
    await recorder.wait_for("exit", exit_code=0)
    # Not before the stop_command has ended: it could stop a successor.
    assert span.seconds == pytest.approx(4)
    assert (fake.signals, caplog.messages) == ([], [])


async def test_a_stop_command_runs_at_most_as_long_as_the_steps(
    autojump_clock, kernel, system, plans, caplog
):
    plans["serve"] = plans["quit"] = STUBBORN
    job = kernel.manager.load(web(stop=STEPS, stop_command="quit"))
    await job.settled()
    [fake] = fakes(job, system)
    job.stop()
    span = Span()
    await job.settled()
    assert [time - span.begin for time, _ in fake.stop_signals] == pytest.approx([10.5, 20.5, 21])
    assert caplog.messages[0] == (
        "web: process 1: stop_command did not end within 10.5 s: sent SIGKILL to it"
    )


async def test_a_failing_stop_command_is_logged_with_its_last_line(
    autojump_clock, kernel, system, plans, caplog
):
    plans["quit"] = Plan(life=4, exit_code=3)
    job = kernel.manager.load(web(stop_command="quit"))
    await job.settled()
    [fake] = fakes(job, system)
    job.stop()
    await idle()
    [command] = [each for each in system.processes.values() if each is not fake]
    command.emit("first\nno such socket\n\n")
    await job.settled()
    assert fake.signals == [15]
    assert caplog.messages == [
        "web: process 1: stop_command: failed: exit status 3: 'no such socket'"
    ]


async def test_the_steps_follow_at_once_if_the_stop_command_cannot_start(
    autojump_clock, kernel, system, plans, caplog
):
    plans["quit"] = Plan(error=SpawnError("command_not_found", "no such program: quit"))
    job = kernel.manager.load(web(stop_command="quit"))
    await job.settled()
    [fake] = fakes(job, system)
    span = Span()
    job.stop()
    await job.settled()
    assert (fake.signals, span.seconds) == ([15], pytest.approx(0))
    assert caplog.messages == ["web: process 1: stop_command: cannot start: no such program: quit"]


async def test_kill_stopping_kills_the_stop_command_too(autojump_clock, kernel, system, plans):
    plans["serve"] = plans["quit"] = STUBBORN
    job = kernel.manager.load(web(stop_command="quit"))
    await job.settled()
    job.stop()
    span = Span()
    await idle()
    job.kill_stopping()
    await job.settled()
    assert (system.processes, span.seconds) == ({}, pytest.approx(0))


async def test_a_restart_replaces_a_process_whose_stop_command_runs(
    autojump_clock, kernel, plans, recorder
):
    plans["quit"] = Plan(life=4)
    job = kernel.manager.load(web(stop_command="quit"))
    await job.settled()
    job.stop()
    job.start()
    await job.settled()
    assert job.pids() == [2]
    assert recorder.names("web")[-3:] == ["exit", "spawn", "ready"]
