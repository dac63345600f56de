"""A process that waits for who reads it, because its outputs are left unread."""

import os
import signal

import pytest
import trio

from tests.real import branded, descriptors
from tests.waiting import until

COUNT = "seq 200000"
ALL = "".join(f"{number}\n" for number in range(1, 200_001)).encode()


@pytest.fixture
def held(run, adviser):
    """Begin a process whose outputs are held from its first moment."""

    def hold(event):
        run.heed(event)
        if event.event == "spawn":
            run.processes[event.data["pid"]].hold_output(True)

    async def begin(cmd, **settings):
        adviser.on_event = hold
        return await run.begin(cmd, redirect_output=["out"], **settings)

    return begin


@pytest.mark.parametrize("pty", [False, True])
async def test_it_waits_until_it_is_read_on_and_nothing_is_lost(held, run, pty):
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
async def test_one_that_has_ended_is_gone_when_the_rest_has_been_read(held, run, recorder, pty):
    process = await held("sh -c 'echo last; exit 3'", pty=pty)
    await until(lambda: process.status() == "zombie")
    await trio.sleep(0.7)  # Longer than anybody else who holds its output would delay its end.
    assert "exit" not in recorder.names()
    process.hold_output(False)
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    assert (await run.rest(process))["out"] == b"last\n"


async def test_who_else_holds_its_output_still_delays_its_end_by_half_a_second_only(
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


async def test_who_is_told_to_end_is_held_no_more(held, run):
    process = await held("sh -c 'trap \"echo bye; exit\" TERM; yes'")
    await trio.sleep(0.2)
    process.stop()
    process.hold_output(True)
    exited = await run.end(process)
    assert exited.data["term_signal"] in (0, signal.SIGTERM)


async def test_its_end_costs_no_processor_while_it_is_held(held):
    process = await held("echo hello")
    await until(lambda: process.status() == "zombie")
    before = os.times()
    await trio.sleep(0.5)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.25
    process.hold_output(False)


async def test_streams_that_go_both_ways_are_read_all_the_same(held, run):
    process = await held("sh -c 'echo out; echo two-way >&3; sleep 60'", custom_streams=["ctrl"])
    await until(lambda: process.outputs.logs["ctrl"].end == len("two-way\n"))
    assert process.outputs.logs["out"].end == 0
    process.stop()
    await run.end(process)


async def test_held_or_not_all_descriptors_are_given_back(held, run):
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
