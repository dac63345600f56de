"""Outputs through pseudo-terminals: what the program sees, what is read, and EOF."""

import os
import sys

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.linux import pty
from tests.real import descriptors

BOTH = ["out", "err"]


async def read_all(run, cmd, **settings):
    """Run a program to its exit and return its output by label."""
    process = await run.begin(cmd, **{"redirect_output": BOTH, "pty": True, **settings})
    await run.end(process)
    return await run.rest(process)


def python(code):
    return {"cmd": sys.executable, "args": ["-c", code]}


# What the program finds


@pytest.mark.parametrize("pty", [True, False])
async def test_outputs_are_terminals_and_the_input_is_not(run, pty):
    code = "import os, sys; print([os.isatty(n) for n in (0, 1, 2)]); sys.stderr.write('x')"
    written = await read_all(run, **python(code), pty=pty)
    assert written == {"out": f"[False, {pty}, {pty}]\n".encode(), "err": b"x"}


async def test_one_label_for_both_is_one_terminal(run):
    code = "import os; print(os.ttyname(1) == os.ttyname(2))"
    same = await read_all(run, **python(code), redirect_output=["all", "all"])
    other = await read_all(run, **python(code))
    assert (same["all"], other["out"]) == (b"True\n", b"False\n")


@pytest.mark.parametrize(
    ("env", "size"),
    [
        ({}, (80, 24)),
        ({"COLUMNS": "132", "LINES": "50"}, (132, 50)),
        ({"COLUMNS": "65535"}, (65535, 24)),
        ({"COLUMNS": "65536", "LINES": "0"}, (80, 24)),
        ({"COLUMNS": "-5", "LINES": ""}, (80, 24)),
        ({"COLUMNS": "9" * 5000, "LINES": "²"}, (80, 24)),
    ],
)
async def test_terminal_has_the_size_in_columns_and_lines(run, env, size, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    code = "import os; print(*os.get_terminal_size(1), *os.get_terminal_size(2))"
    written = await read_all(run, **python(code), env=env)
    assert tuple(map(int, written["out"].split())) == size * 2


async def test_a_pty_is_no_controlling_terminal(run):
    code = (
        "import os\n"
        "os.close(os.open('/dev/stdout', os.O_WRONLY))\n"
        "try: os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError as error: print(error.strerror)"
    )
    assert (await read_all(run, **python(code)))["out"] == b"No such device or address\n"


async def test_a_terminal_query_of_a_program_gets_an_error_at_once(run):
    code = "import os\ntry: os.read(1, 1)\nexcept OSError as error: print(error.strerror)"
    assert (await read_all(run, **python(code)))["out"] == b"Bad file descriptor\n"


async def test_a_program_inherits_no_other_descriptor_of_a_pty(run):
    code = "import os; print(*sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    assert (await read_all(run, **python(code)))["out"] == b"0 1 2\n"


async def test_python_writes_line_by_line_to_a_pty(run):
    process = await run.begin(
        **python("print('first'); input()"),
        redirect_output=BOTH,
        redirect_input=True,
        pty=True,
    )
    await run.lines(process, "first")
    assert process.active
    process.stop()
    await run.end(process)


# Output


async def test_output_of_a_pty_arrives_unchanged(run):
    every = bytes(range(256)) + b"\r\n\n\ttabs\x03\x04\x1a\n"
    written = await read_all(run, **python(f"import os; os.write(1, {every!r})"))
    assert written == {"out": every, "err": b""}


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 200_000, 900_000])
async def test_output_right_before_the_exit_is_not_lost(run, size):
    code = (
        f"import os, sys; sys.stdout.write('x' * {size} + 'last'); sys.stdout.flush(); os._exit(3)"
    )
    process = await run.begin(**python(code), redirect_output=BOTH, pty=True)
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    written = await run.rest(process)
    assert written == {"out": b"x" * size + b"last", "err": b""}


async def test_many_ptys_at_once_lose_nothing(run):
    cmd = "seq 5000"
    processes = [await run.begin(cmd, redirect_output=BOTH, pty=True) for _ in range(20)]
    expected = "".join(f"{number}\n" for number in range(1, 5001)).encode()
    for process in processes:
        await run.end(process)
        assert (await run.rest(process))["out"] == expected


async def test_a_flood_through_a_pty_does_not_block_and_ends(run):
    process = await run.begin("yes", redirect_output=BOTH, pty=True)
    run.readers[process.pid].close()
    log = process.outputs.logs["out"]
    quiet = await run.begin("cat", redirect_input=True, redirect_output=["out"], pty=True)
    await until(lambda: log.end > 5_000_000)
    began = trio.current_time()
    await quiet.write("hello\n")
    await run.lines(quiet, "hello")
    assert trio.current_time() - began < 2
    for each in (process, quiet):
        each.stop()
        await run.end(each)


# EOF and exit


async def test_rest_of_the_group_does_not_delay_the_exit(run):
    process = await run.begin(
        "trap '' HUP; sleep 60 & echo $!; exit 3", shell=True, redirect_output=BOTH, pty=True
    )
    began = trio.current_time()
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    assert trio.current_time() - began < 10


async def test_ptys_leave_no_descriptor_open(run):
    before = descriptors()
    for _ in range(50):
        await read_all(run, "echo hello")
    assert descriptors() == before


async def test_a_spawn_without_a_free_pty_is_retried(run, recorder, monkeypatch):
    def exhausted():
        raise OSError(28, os.strerror(28))

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(pty.os, "openpty", exhausted)
        job = run.load("sleep 60", redirect_output=BOTH, pty=True)
        job.start()
        failed = await recorder.wait_for("spawn_error")
        assert failed.data["reason"] == "no pseudo-terminal: No space left on device"
        assert descriptors() == before
    with trio.fail_after(20):
        await recorder.wait_for("spawn", name=str(job.name))


async def test_a_failed_spawn_leaves_no_pty_open(run, recorder):
    before = descriptors()
    run.load("/no/such/program", redirect_output=BOTH, pty=True).commit()
    await recorder.wait_for("spawn_error")
    assert descriptors() == before
