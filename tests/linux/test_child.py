"""The output and the exit of a real process, in a kernel embedded in another program."""

import os
import signal
import subprocess

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.processes.output import TAIL, WINDOW
from tests.real import branded, children, descriptors, exists

# Exit status


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
async def test_exit_event_has_the_exit_code(run, code):
    exited = await run.end(await run.begin(f"exit {code}", shell=True))
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (code, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_exit_event_has_the_signal(run, number):
    exited = await run.end(await run.begin(f"kill -{int(number)} $$", shell=True))
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (0, number)


async def test_a_process_killed_from_outside_is_replaced(run, recorder):
    job = run.load("sleep 60")
    job.start()
    await job.settled()
    [process] = job.processes
    os.kill(process.os_pid, signal.SIGKILL)
    exited = await recorder.wait_for("exit", pid=process.pid)
    assert exited.data["term_signal"] == signal.SIGKILL
    await job.settled()
    [successor] = job.processes
    assert successor.os_pid != process.os_pid
    assert not exists(process.os_pid)


async def test_many_short_processes_leave_no_zombies(run, recorder):
    before = len(descriptors()), children()
    job = run.load("true", redirect_output=["out"])
    for _ in range(300):
        job.commit()
    await until(lambda: recorder.names(str(job.name)).count("exit") == 300, seconds=30)
    assert (len(descriptors()), children()) == before


# Output


async def test_all_output_is_delivered_before_the_exit(run, adviser):
    whole = {}

    def look(event):
        run.heed(event)
        if event.event == "exit":
            reader, data = run.readers[event.data["pid"]], b""
            while (output := reader.receive_nowait()) is not None:
                data += output.data
            whole[event.data["pid"]] = data, reader.at_end

    adviser.on_event = look
    processes = [
        await run.begin(f"head -c {size} /dev/zero; printf last", shell=True, redirect_output=["o"])
        for size in (0, 1, 4095, 4096, 70_000, 500_000, 900_000)
    ]
    for process, size in zip(processes, (0, 1, 4095, 4096, 70_000, 500_000, 900_000), strict=True):
        await run.end(process)
        assert whole[process.pid] == (b"\0" * size + b"last", True)


async def test_a_flood_without_readers_does_not_block_and_is_not_kept(run):
    process = await run.begin("yes", redirect_output=["out"])
    run.readers[process.pid].close()
    log = process.outputs.logs["out"]
    await until(lambda: log.end > 20_000_000)
    assert process.active
    assert log.end - log.start <= TAIL
    process.stop()
    await run.end(process)


async def test_a_slow_reader_of_a_flood_receives_how_much_it_lost(run):
    process = await run.begin("yes 0123456", redirect_output=["out"])
    reader = run.readers[process.pid]
    log = process.outputs.logs["out"]
    first = await reader.receive()
    await until(lambda: log.end > 5 * WINDOW)
    late = await reader.receive()
    process.kill("KILL")
    assert late.lost > WINDOW
    begin = (len(first.data) + late.lost) % 8
    assert late.data[:8] == (b"0123456\n" * 2)[begin : begin + 8]
    await run.end(process)


async def test_floods_do_not_delay_other_tasks(run):
    floods = [await run.begin("yes", redirect_output=["out"]) for _ in range(10)]
    quiet = await run.begin("cat", redirect_input=True, redirect_output=["out"])
    await trio.sleep(0.1)
    slowest = 0.0
    for number in range(20):
        began = trio.current_time()
        await quiet.write(f"{number}\n")
        await run.lines(quiet, str(number))
        slowest = max(slowest, trio.current_time() - began)
    assert slowest < 2
    for process in (*floods, quiet):
        process.kill("KILL")


@pytest.mark.parametrize("pty", [False, True])
async def test_a_process_that_closes_its_outputs_runs_on(run, pty):
    before = len(descriptors())
    cmd = "exec >&- 2>&-; sleep 60"
    process = await run.begin(cmd, shell=True, redirect_output=["out", "err"], pty=pty)
    await until(lambda: len(descriptors()) == before + 1)
    assert process.active
    process.stop()
    await run.end(process)


# Processes that it leaves behind


async def test_rest_of_the_group_is_killed_when_the_leader_exits(run):
    process = await run.begin(
        "trap '' TERM; sleep 60 & echo $!; exit 3", shell=True, redirect_output=["out"]
    )
    exited = await run.end(process)
    left = int((await run.rest(process))["out"])
    assert exited.data["exit_code"] == 3
    await until(lambda: not _runs(left))


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("pty", [False, True])
async def test_another_holder_of_the_output_delays_the_exit_by_half_a_second_at_most(
    run, brand, pty
):
    process = await run.begin(
        "setsid sh -c 'echo inside; sleep 60' & read x; echo last; exit 4",
        shell=True,
        redirect_input=True,
        redirect_output=["out"],
        pty=pty,
    )
    await run.lines(process, "inside")
    began = trio.current_time()
    await process.write("go\n")
    exited = await run.end(process)
    assert exited.data["exit_code"] == 4
    assert 0.3 < trio.current_time() - began < 3
    assert (await run.rest(process))["out"] == b"last\n"
    for pid in branded(brand):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not branded(brand))


# Detached


async def test_detached_processes_survive_and_all_descriptors_are_closed(brand):
    before = descriptors()
    async with open_kernel(system=LinuxSystem()) as kernel:
        job = kernel.manager.load(
            JobConfig(name="web", cmd="sleep 60", detach=True, numprocesses=2)
        )
        await job.settled()
        pids = {process.os_pid for process in job.processes}
    await until(lambda: set(branded(brand)) == pids)
    assert all(os.getsid(pid) == pid for pid in pids)
    assert set(descriptors().items()) - set(before.items()) == set()


async def test_processes_left_by_a_detached_process_survive(run, brand):
    process = await run.begin("sleep 60 & exit 0", shell=True, detach=True)
    await run.end(process)
    [left] = branded(brand)
    os.kill(left, signal.SIGKILL)
    await until(lambda: not branded(brand))


# Other children of the program


async def test_other_children_of_the_program_are_not_touched(run):
    with subprocess.Popen(["sleep", "60"]) as own:
        await run("true")
        assert own.poll() is None
        own.terminate()
        assert own.wait() == -signal.SIGTERM


async def test_a_kernel_leaves_no_descriptor_open(brand):
    before = descriptors(), children()
    for _ in range(3):
        async with open_kernel(system=LinuxSystem()) as kernel:
            config = JobConfig(
                name="web", cmd="cat", redirect_input=True, redirect_output=["a"], numprocesses=2
            )
            await kernel.manager.load(config).settled()
        del kernel
    assert (descriptors(), children()) == before


async def test_a_failure_of_the_poller_stops_the_children_with_their_stop_signal(
    recorder, brand, monkeypatch
):
    broken = trio.Event()
    run = Poller.run

    async def fail(poller):
        monkeypatch.setattr(Poller, "run", run)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, poller)
            await broken.wait()
            raise ValueError("odd")

    monkeypatch.setattr(Poller, "run", fail)
    cmd = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"
    config = JobConfig(name="web", cmd=cmd, shell=True, redirect_output=["out"])
    with trio.fail_after(20), pytest.RaisesGroup(RuntimeError):
        async with open_kernel(plugins=[recorder], system=LinuxSystem()) as kernel:
            job = kernel.manager.load(config)
            await job.settled()
            [process] = job.processes
            await until(lambda: process.outputs.logs["out"].since(0)[0])
            broken.set()
            await trio.sleep_forever()
    [exited] = [event for event in recorder.events if event.event == "exit"]
    assert exited.data["exit_code"] == 7
    assert not branded(brand)
