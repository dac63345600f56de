"""Stopping real processes: by steps, by a stop_command, and by the leader of the group alone."""

import os
import signal

import trio
from gaffer_testing.waiting import until

from tests.real import branded

LOOP = "while :; do sleep 0.01; done"


async def test_signals_come_in_the_order_of_the_steps(run):
    process = await run.begin(
        f"trap 'echo int' INT; trap 'echo term' TERM; echo ready; {LOOP}",
        shell=True,
        redirect_output=["out"],
        stop="INT 300ms, TERM 300ms, KILL",
    )
    await run.lines(process, "ready")
    started = trio.current_time()
    process.stop()
    await run.lines(process, "int", "term")
    exited = await run.end(process)
    assert 0.6 <= trio.current_time() - started < 10
    assert exited.data["term_signal"] == signal.SIGKILL


async def test_a_stop_command_has_the_variables_the_folder_and_the_pid_of_the_process(
    run, adviser, tmp_path
):
    adviser.env = {"ADDED": "by a plugin"}
    process = await run.begin(
        f"trap 'exit 5' USR1; echo ready; {LOOP}",
        shell=True,
        redirect_output=["out"],
        cwd=str(tmp_path),
        env={"OWN": "1"},
        stop_command='echo "$OWN $ADDED $GAFFER_NUMBER $PWD" > stopped; kill -USR1 $MAINPID;'
        " while kill -0 $MAINPID; do sleep 0.01; done",
    )
    await run.lines(process, "ready")
    process.stop()
    exited = await run.end(process)
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (5, 0)
    assert (tmp_path / "stopped").read_text() == f"1 by a plugin 0 {tmp_path}\n"


async def test_a_stop_command_that_takes_too_long_is_killed_with_all_it_started(run, brand):
    process = await run.begin(
        "sleep 60", stop="TERM 300ms, KILL", stop_command="sh -c 'sleep 50 & sleep 50; true'"
    )
    started = trio.current_time()
    process.stop()
    exited = await run.end(process)
    assert 0.3 <= trio.current_time() - started < 10
    assert exited.data["term_signal"] == signal.SIGTERM


async def test_a_failing_stop_command_is_logged_with_its_output(run, caplog):
    process = await run.begin("sleep 60", stop_command="sh -c 'echo no socket >&2; exit 4'")
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
    [line] = [text for text in caplog.messages if "stop_command" in text]
    assert line.endswith(f"process {process.pid}: stop_command: failed: exit status 4: 'no socket'")


FAMILY = f"""
    (trap 'echo inner stopped; exit' TERM; echo inner; {LOOP}) &
    trap 'echo outer stopped; kill $!; wait; exit 0' TERM; echo outer; {LOOP}"""
"""A leader that stops its child itself: a second SIGTERM would show twice."""


async def test_with_stop_scope_leader_only_the_leader_gets_the_signal(run):
    watcher = f"(trap 'echo oops' TERM; echo inner; {LOOP}) & echo outer; exec sleep 60"
    process = await run.begin(
        watcher, shell=True, redirect_output=["out"], stop_scope="leader", graceful_timeout=30
    )
    await run.lines(process, "inner", "outer")
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
    assert b"oops" not in (await run.rest(process))["out"]


async def test_with_stop_scope_leader_what_remains_after_the_leader_is_killed(run, brand):
    line = f"(trap '' TERM; echo inner; {LOOP}) & exec sleep 60"
    process = await run.begin(line, shell=True, redirect_output=["out"], stop_scope="leader")
    await run.lines(process, "inner")
    started = trio.current_time()
    process.stop()
    await run.end(process)
    await until(lambda: not branded(brand))
    assert trio.current_time() - started < 10


async def test_with_stop_scope_leader_the_leader_can_stop_its_children(run):
    process = await run.begin(FAMILY, shell=True, redirect_output=["out"], stop_scope="leader")
    await run.lines(process, "inner", "outer")
    process.stop()
    exited = await run.end(process)
    assert exited.data["exit_code"] == 0
    lines = (await run.rest(process))["out"].decode().splitlines()
    assert sorted(lines) == ["inner stopped", "outer stopped"]


async def test_with_stop_scope_leader_a_stubborn_leader_is_killed_with_its_group(run, brand):
    line = f"trap '' TERM; sleep 60 & echo ready; {LOOP}"
    process = await run.begin(
        line, shell=True, redirect_output=["out"], stop_scope="leader", graceful_timeout=0.2
    )
    await run.lines(process, "ready")
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGKILL


async def test_with_stop_scope_leader_a_process_in_sigstop_is_stopped(run):
    process = await run.begin("sleep 60", stop_scope="leader")
    os.kill(process.os_pid, signal.SIGSTOP)
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
