"""Held outputs: a process blocks until its reader has room."""

import os
import signal

import pytest
import trio
from gaffer_testing.waiting import until

from tests.real import branded, descriptors

COUNT = "seq 200000"
ALL = "".join(f"{number}\n" for number in range(1, 200_001)).encode()


@pytest.fixture
def held(run, adviser):
    """Start a process whose outputs are held from its spawn."""

    def hold(event):
        run.heed(event)
        if event.event == "spawn":
            run.processes[event.data["pid"]].hold_output(True)

    async def begin(cmd, **settings):
        adviser.on_event = hold
        return await run.begin(cmd, redirect_output=["out"], **settings)

    return begin


@pytest.mark.parametrize("pty", [False, True])
async def test_a_held_process_blocks_until_it_is_read_on_and_loses_nothing(held, run, pty):
    process = await held(COUNT, pty=pty)
    await trio.sleep(0.3)
    assert process.active
    assert process.outputs.logs["out"].end == 0
    data = b""
    reader = run.readers[process.pid]
    while process.active or not reader.at_end:
        process.hold_output(False)
        with trio.move_on_after(10):
            output = await reader.receive()
        if output is None:
            break
        assert output.lost == 0
        data += output.data
        process.hold_output(True)
    assert data == ALL


@pytest.mark.parametrize("pty", [False, True])
async def test_exit_of_a_held_process_comes_after_the_rest_is_read(held, run, recorder, pty):
    process = await held("sh -c 'echo last; exit 3'", pty=pty)
    await until(lambda: process.status() == "zombie")
    await trio.sleep(0.7)  # Longer than anybody else who holds its output would delay its end.
    assert "exit" not in recorder.names()
    process.hold_output(False)
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    assert (await run.rest(process))["out"] == b"last\n"


async def test_another_holder_of_a_held_output_delays_the_exit_by_half_a_second_only(
    held, run, brand
):
    process = await held("setsid sh -c 'echo inside; sleep 60' & sleep 0.2; exit 4", shell=True)
    await until(lambda: process.status() == "zombie")
    began = trio.current_time()
    process.hold_output(False)
    await run.end(process)
    assert trio.current_time() - began < 3
    for pid in branded(brand):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not branded(brand))


async def test_stop_ends_the_hold(held, run):
    process = await held("sh -c 'trap \"echo bye; exit\" TERM; yes'")
    await trio.sleep(0.2)
    process.stop()
    process.hold_output(True)
    exited = await run.end(process)
    assert exited.data["term_signal"] in (0, signal.SIGTERM)


async def test_exit_of_a_held_process_uses_no_cpu(held):
    process = await held("echo hello")
    await until(lambda: process.status() == "zombie")
    before = os.times()
    await trio.sleep(0.5)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.25
    process.hold_output(False)


async def test_two_way_streams_are_not_held(held, run):
    process = await held("sh -c 'echo out; echo two-way >&3; sleep 60'", custom_streams=["ctrl"])
    await until(lambda: process.outputs.logs["ctrl"].end == len("two-way\n"))
    assert process.outputs.logs["out"].end == 0
    process.stop()
    await run.end(process)


async def test_hold_and_read_on_leave_no_descriptor_open(held, run):
    before = descriptors()
    for _ in range(10):
        process = await held("echo hello")
        process.hold_output(True)
        process.hold_output(True)
        process.hold_output(False)
        process.hold_output(False)
        await run.end(process)
        process.hold_output(True)
    stopped = await held("yes")
    stopped.stop()
    await run.end(stopped)
    assert descriptors() == before
