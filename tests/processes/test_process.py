"""One real process: signals, streams, state."""

import os
import signal
import socket

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel import JobConfig
from gaffer_kernel.errors import InvalidField, NotFound, StreamUnavailable
from gaffer_kernel.jobs.stop_steps import parse_signal
from tests.real import exists

# Signals


@pytest.mark.parametrize(
    "value", [9, "9", " 9 ", "KILL", "kill", "SIGKILL", "sigkill", signal.SIGKILL]
)
def test_a_signal_is_a_number_or_a_name(value):
    assert parse_signal(value) == signal.SIGKILL


@pytest.mark.parametrize(
    "value", [0, -1, 999, "0", "", "SIG", "SIG_IGN", "SIG_DFL", "NOPE", None, True, 9.0, "9.0", [9]]
)
def test_an_invalid_signal_is_an_error_that_names_it(value):
    with pytest.raises(InvalidField, match="signal") as caught:
        parse_signal(value)
    assert caught.value.field == "signal"


async def test_a_signal_reaches_the_whole_group(run):
    family = """(trap 'echo child; exit' USR1; echo inner; while :; do sleep 0.01; done) &
        trap 'echo leader; wait; exit 7' USR1; echo outer; while :; do sleep 0.01; done"""
    process = await run.begin(family, shell=True, redirect_output=["out", "err"])
    await run.lines(process, "inner", "outer")
    process.kill("usr1")
    exited = await run.end(process)
    written = (await run.rest(process))["out"].decode()
    assert sorted(written.split()) == ["child", "leader"]
    assert exited.data["exit_code"] == 7


async def test_a_process_can_clean_up_on_sigterm(run):
    process = await run.begin(
        "trap 'printf STOP; exit 0' TERM; echo START; sleep 60 & wait",
        shell=True,
        redirect_output=["out"],
    )
    await run.lines(process, "START")
    process.stop()
    exited = await run.end(process)
    assert (await run.rest(process))["out"] == b"STOP"
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (0, 0)
    assert "stop_pid" in run.recorder.names(str(process.job))


async def test_a_process_that_ignores_sigterm_is_killed_with_its_group(run):
    process = await run.begin(
        "trap '' TERM; sleep 60 & echo ready; while :; do sleep 60; done",
        shell=True,
        redirect_output=["out"],
        graceful_timeout=0.2,
    )
    await run.lines(process, "ready")
    started = trio.current_time()
    process.stop()
    exited = await run.end(process)
    assert 0.2 <= trio.current_time() - started < 5
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (0, signal.SIGKILL)
    assert not exists(process.os_pid)


async def test_a_signal_to_an_exited_process_does_nothing(run):
    process = await run.begin("true")
    await run.end(process)
    process.kill("TERM")
    process.stop()
    assert (process.active, process.status()) == (False, "dead")


# Input


async def test_write_adds_nothing_to_the_data(run):
    process = await run.begin("cat", redirect_input=True, redirect_output=["out"])
    await process.write("text, ")
    await process.write(b"\x00bytes\xff\n")
    await process.writelines(["a", b"b", "c\n"])
    process.close_input()
    exited = await run.end(process)
    assert (await run.rest(process))["out"] == b"text, \x00bytes\xff\nabc\n"
    assert exited.data["exit_code"] == 0


async def test_concurrent_writes_do_not_mix(run):
    process = await run.begin("cat", redirect_input=True, redirect_output=["out"])
    lines = {b"%d-%d " % (writer, n) + b"x" * 9000 for writer in range(4) for n in range(50)}

    async def write(writer: int) -> None:
        for n in range(50):
            await process.write(b"%d-%d " % (writer, n) + b"x" * 9000 + b"\n")

    async def write_all() -> None:
        async with trio.open_nursery() as writers:
            for writer in range(4):
                writers.start_soon(write, writer)
        process.close_input()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write_all)
        written = (await run.rest(process))["out"]
    received = written.splitlines()
    assert len(received) == 200
    assert set(received) == lines


async def test_write_without_redirection_is_an_error(run):
    process = await run.begin("sleep 60", redirect_output=[])
    with pytest.raises(StreamUnavailable, match="redirect_input"):
        await process.write("x")
    with pytest.raises(NotFound, match="nope"):
        await process.write("x", "nope")
    with pytest.raises(StreamUnavailable):
        async with process.subscribe("stdout"):
            pass


async def test_stdin_without_redirection_is_empty(run):
    assert await run("cat; echo end", shell=True) == "end\n"


async def test_write_to_an_exited_process_or_closed_stdin_is_an_error(run):
    process = await run.begin(
        "exec <&-; echo closed; read x; sleep 60",
        shell=True,
        redirect_input=True,
        redirect_output=["out"],
    )
    await run.lines(process, "closed")
    with pytest.raises(StreamUnavailable, match=str(process.pid)):
        await process.write("x")
    process.kill("KILL")
    await run.end(process)
    with pytest.raises(StreamUnavailable):
        await process.write("x")


async def test_write_to_a_full_pipe_can_be_cancelled(run):
    process = await run.begin("sleep 60", redirect_input=True)
    with trio.move_on_after(0.05) as scope:
        await process.write(b"x" * 1_000_000)
    assert scope.cancelled_caught
    process.stop()
    await run.end(process)


async def test_a_waiting_write_fails_when_the_process_exits(run):
    process = await run.begin("sleep 60", redirect_input=True)
    async with trio.open_nursery() as nursery:

        async def end_soon() -> None:
            await trio.sleep(0.05)
            process.kill("KILL")

        nursery.start_soon(end_soon)
        with pytest.raises(StreamUnavailable):
            await process.write(b"x" * 1_000_000)
    await run.end(process)


# Output


async def test_the_first_label_is_stdout_the_second_stderr(run):
    process = await run.begin(
        "echo one; echo two >&2", shell=True, redirect_output=["mine", "errors"]
    )
    assert process.labels == ["mine", "errors"]
    await run.end(process)
    assert await run.rest(process) == {"mine": b"one\n", "errors": b"two\n"}


async def test_one_label_twice_is_one_pipe_in_the_order_of_writing(run):
    process = await run.begin(
        "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done",
        shell=True,
        redirect_output=["both", "both"],
    )
    await run.end(process)
    expected = "".join(f"out {number}\nerr {number}\n" for number in range(1, 6))
    assert await run.rest(process) == {"both": expected.encode()}


async def test_stderr_without_a_label_is_discarded(run):
    flood = "head -c 1000000 /dev/zero >&2; echo done"
    assert await run(flood, shell=True) == "done\n"


async def test_a_reader_of_one_label_receives_only_that(run):
    process = await run.begin(
        "read x; echo one; echo two >&2",
        shell=True,
        redirect_output=["out", "err"],
        redirect_input=True,
    )
    async with process.subscribe("err") as errors, process.subscribe(".") as everything:
        await process.write("\n")
        assert [output async for output in errors] == [("err", b"two\n", 0)]
        assert sorted([output.data async for output in everything]) == [b"one\n", b"two\n"]
    with pytest.raises(NotFound):
        async with process.subscribe("stdout"):
            pass


async def test_subscribe_with_tail_begins_with_earlier_output(run):
    process = await run.begin(
        "echo before; read x; echo after", shell=True, redirect_output=["out"], redirect_input=True
    )
    await run.lines(process, "before")
    async with process.subscribe("out") as late, process.subscribe("out", tail=True) as whole:
        await process.write("\n")
        assert b"".join([output.data async for output in late]) == b"after\n"
        assert b"".join([output.data async for output in whole]) == b"before\nafter\n"


# Custom streams and channels


async def test_custom_streams_are_two_way_from_descriptor_three_on(run):
    process = await run.begin(
        'read a <&3; echo "3: $a" >&3; read b <&4; echo "4: $b" >&4; echo $GAFFER_STREAM_CTRL',
        shell=True,
        custom_streams=["ctrl", "data"],
        redirect_output=["out"],
    )
    assert sorted(process.labels) == ["ctrl", "data", "out"]
    await process.write("hello\n", "ctrl")
    await run.lines(process, "3: hello")
    await process.write("world\n", "data")
    await run.end(process)
    rest = await run.rest(process)
    assert rest["data"] == b"4: world\n"
    assert rest["out"] == b"3\n"


async def test_a_half_closed_custom_stream_can_still_be_read(run):
    process = await run.begin("cat <&3 >&3; echo end", shell=True, custom_streams=["ctrl"])
    await process.write("ECHO\n", "ctrl")
    process.close_input("ctrl")
    await run.end(process)
    assert (await run.rest(process))["ctrl"] == b"ECHO\n"
    with pytest.raises(StreamUnavailable):
        await process.write("x", "ctrl")


@pytest.mark.parametrize(("streams", "number"), [([], 3), (["a", "b"], 5)])
async def test_custom_channels_follow_the_custom_streams(run, streams, number):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await run.begin(
            f"read x <&{number}; echo got $x >&{number}",
            shell=True,
            custom_streams=streams,
            custom_channels=[theirs],
        )
        ours.sendall(b"hello\n")
        await run.end(process)
        assert ours.recv(100) == b"got hello\n"
        assert "custom_channels" not in process.info()


async def test_programs_with_custom_streams_keep_arguments_and_environment(run):
    printed = await run(
        "printf '%s|' 'two words' \"it's\" '$$HOME'",
        args=["last one"],
        custom_streams=["ctrl"],
        env={"HOME": "nowhere"},
    )
    assert printed == "two words|it's|$HOME|last one|"


# State


async def test_status_is_the_state_of_the_system(run):
    process = await run.begin("sleep 60")
    await until(lambda: process.status() == "sleeping")
    process.kill("STOP")
    await until(lambda: process.status() == "stopped")
    process.kill("CONT")
    await until(lambda: process.status() == "sleeping")
    process.kill("KILL")
    await run.end(process)
    assert process.status() == "dead"


async def test_info_has_configured_variables_without_inherited_ones(run):
    process = await run.begin("sleep $LONG", env={"LONG": "60"}, redirect_output=["out"])
    info = process.info()
    assert info["env"] == {"LONG": "60"}
    assert (info["cmd"], info["argv"]) == ("sleep $LONG", ["sleep", "60"])
    assert (info["pid"], info["os_pid"]) == (process.pid, process.os_pid)
    assert (info["active"], info["committed"], info["redirect_output"]) == (True, True, ["out"])
    assert exists(info["os_pid"])


async def test_each_process_leads_a_session_and_a_group_of_its_own(run):
    process = await run.begin("sleep 60")
    assert os.getsid(process.os_pid) == os.getpgid(process.os_pid) == process.os_pid


# Which instance it is


IDENTITY = "echo $GAFFER_SESSION $GAFFER_JOB $GAFFER_NUMBER $GAFFER_PID $PORT"


async def test_each_instance_knows_its_number_and_has_a_port_of_its_own(run):
    kernel = run.kernel
    config = JobConfig(
        name="web",
        cmd=f"{IDENTITY}; exec sleep 600",
        shell=True,
        numprocesses=2,
        port=8000,
        redirect_output=["out"],
    )
    job = kernel.manager.load(config, "shop")
    await job.settled()
    one, two = sorted(job.processes, key=lambda process: process.number)
    await run.lines(one, f"shop web 1 {one.pid} 8000")
    await run.lines(two, f"shop web 2 {two.pid} 8001")


async def test_a_one_off_has_the_port_of_the_first_instance_or_its_own(run):
    settings = {"shell": True, "port": 8000}
    assert (await run(IDENTITY, **settings)).split()[2:] == ["0", "1", "8000"]
    job = run.load(IDENTITY, redirect_output=["out"], **settings)
    pid = job.commit({"PORT": "90"})
    await run.recorder.wait_for("spawn", pid=pid)
    await run.lines(run.processes[pid], f"default {job.name.name} 0 {pid} 90")


async def test_an_instance_past_the_last_port_is_not_started(run):
    job = run.kernel.manager.load(JobConfig(name="web", cmd="sleep 600", port=65535))
    job.scale("=2")
    failed = await run.recorder.wait_for("spawn_error")
    assert failed.data["error"] == "bad_port"
    assert "instance 2 would get port 65536" in failed.data["reason"]


async def test_pwd_is_the_working_directory(run, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for cwd in ("real", "link"):
        assert await run("printenv PWD", cwd=f"{tmp_path}/{cwd}") == f"{tmp_path}/{cwd}\n"
    assert await run("printenv PWD", cwd=str(tmp_path), env={"PWD": "/own"}) == "/own\n"
