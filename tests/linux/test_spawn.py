"""Spawning a real process: arguments, environment, descriptors, signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.linux import LinuxSystem
from tests.real import branded

# Arguments and environment


@pytest.mark.parametrize("cmd", ["printf %s- one 'two three'", "printf '%s-' one two\\ three"])
async def test_command_is_split_like_a_shell_does(run, cmd):
    assert await run(cmd) == "one-two three-"


@pytest.mark.parametrize("args", ["-c 'echo $0' arg", ["-c", "echo $0", "arg"]])
async def test_arguments_are_appended_as_text_or_as_list(run, args):
    assert await run("sh", args=args) == "arg\n"


async def test_variables_are_replaced_after_splitting_in_every_word(run):
    env = {"PROGRAM": "printf", "TWO": "a b", "PORT": "80", "LITERAL": "$PORT"}
    cmd = "$PROGRAM %s| $TWO ${PORT}:$PORT $$PORT $5 ${PORT:-1} $UNKNOWN cost$ $LITERAL"
    printed = await run(cmd, args=["$TWO"], env=env)
    assert printed == "a b|80:80|$PORT|$5|${PORT:-1}|$UNKNOWN|cost$|$PORT|a b|"


async def test_a_shell_gets_the_line_unchanged_and_replaces_variables(run):
    env = {"A": "a b"}
    line = "printf '%s|' $A \"$A\" '$A' | cat; echo two >&1"
    assert await run(line, shell=True, env=env) == "a|b|a b|$A|two\n"
    assert await run("printf '%s|'", shell=True, args=["a b", "$A", "; exit"]) == "a b|$A|; exit|"


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARK_A", "inherited")
    monkeypatch.setenv("MARK_B", "inherited")


async def test_configured_variables_override_inherited_ones(marks, run):
    printed = await run("sh -c 'echo $$MARK_A $$MARK_B'", env={"MARK_B": "configured"})
    assert printed == "inherited configured\n"


async def test_a_process_without_os_env_has_only_configured_variables(marks, run):
    printed = await run("env", os_env=False, env={"MARK_B": "configured"})
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert {name for name in names if not name.startswith("GAFFER_")} == {"MARK_B"}


async def test_a_program_without_os_env_is_still_found(run, tmp_path, monkeypatch):
    program = tmp_path / "only-on-our-path"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert await run("only-on-our-path", os_env=False, env={"A": "1"}) == "found\n"


async def test_a_program_is_looked_up_on_the_path_of_its_environment(run, tmp_path):
    program = tmp_path / "only-on-its-path"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    assert await run("only-on-its-path", env={"PATH": f"{tmp_path}:/usr/bin:/bin"}) == "found\n"


async def test_relative_programs_are_looked_up_in_the_working_directory(run, tmp_path):
    program = tmp_path / "here"
    program.write_text("#!/bin/sh\npwd\n")
    program.chmod(0o755)
    assert await run("pwd", cwd=str(tmp_path)) == f"{tmp_path}\n"
    assert await run("./here", cwd=str(tmp_path)) == f"{tmp_path}\n"
    assert await run("./here", cwd=str(tmp_path), custom_streams=["ctrl"]) == f"{tmp_path}\n"
    assert await run("pwd") == f"{os.getcwd()}\n"


# Descriptors and signals

LIST_DESCRIPTORS = "python3 -c 'import os; print(*sorted(map(int, os.listdir(\"/proc/self/fd\"))))'"


@pytest.fixture
def careless() -> Iterator[int]:
    """A descriptor that a library has made inheritable, as hypercorn does with its sockets."""
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.set_inheritable(write, True)
    yield read
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("streams", [[], ["ctrl"], ["a", "b", "c"]])
async def test_no_descriptor_of_ours_leaks_into_a_child(careless, run, streams):
    printed = await run(
        LIST_DESCRIPTORS, custom_streams=streams, redirect_input=True, env={"PYTHONNOUSERSITE": "1"}
    )
    numbers = [int(number) for number in printed.split()]
    # The highest one belongs to the listing of the folder itself.
    assert numbers[:-1] == list(range(3 + len(streams)))


SIGNALS = "grep -E 'Sig(Blk|Ign)' /proc/self/status"

INTERNAL_SIGNALS = 1 << 31 | 1 << 32
"""Signals 32 and 33 of the C library. What its posix_spawn starts, as make does, ignores 32."""


@pytest.fixture
def odd_signals() -> Iterator[None]:
    """A program that blocks one signal, and ignores two."""
    ignored = (signal.SIGUSR1, signal.SIGHUP)
    handlers = {each: signal.signal(each, signal.SIG_IGN) for each in ignored}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for each, handler in handlers.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("streams", [[], ["ctrl"]])
async def test_a_child_blocks_and_ignores_no_signal(run, streams):
    lines = await run(SIGNALS, custom_streams=streams)
    masks = [int(line.split()[1], 16) & ~INTERNAL_SIGNALS for line in lines.splitlines()]
    assert masks == [0, 0]


@pytest.mark.parametrize("streams", [[], ["ctrl"]])
async def test_a_child_does_not_inherit_blocked_and_ignored_signals(odd_signals, run, streams):
    lines = await run(SIGNALS, custom_streams=streams)
    masks = [int(line.split()[1], 16) & ~INTERNAL_SIGNALS for line in lines.splitlines()]
    assert masks == [0, 0]


async def test_a_program_that_ignores_signals_reports_a_missing_program_as_others_do(
    odd_signals, run, recorder
):
    run.load("no-such-program-anywhere").start()
    failed = await recorder.wait_for("spawn_error")
    assert failed.data["error"] == "command_not_found"


async def test_a_lost_exit_status_is_reported(run, caplog):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        exited = await run.end(await run.begin("sh -c 'exit 3'"))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert exited.data["exit_code"] == 255
    assert "ignores SIGCHLD" in caplog.text


async def test_a_child_does_not_inherit_the_pipes_of_another(run):
    first = await run.begin("cat", redirect_input=True, redirect_output=["out"])
    second = await run.begin("sleep 60", redirect_input=True, redirect_output=["out"])
    first.close_input()
    await run.end(first)
    second.stop()
    await run.end(second)


async def test_ignored_and_blocked_signals_are_reset_in_a_child(run):
    before = signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    try:
        status = await run("cat /proc/self/status")
    finally:
        signal.signal(signal.SIGUSR2, before)
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    ignored = int(fields["SigIgn"], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)
    assert int(fields["SigBlk"], 16) == 0


# Other processes of the program


async def test_subprocesses_of_the_embedding_program_are_not_touched(run):
    own = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(5)"])
    assert await run("echo hello") == "hello\n"
    with trio.fail_after(10):
        await trio.to_thread.run_sync(own.wait)
    assert own.returncode == 5


async def test_two_kernels_run_in_one_program(brand):
    async with open_kernel(system=LinuxSystem()) as one, open_kernel(system=LinuxSystem()) as two:
        for kernel in (one, two):
            await kernel.manager.load(JobConfig(name="sleeper", cmd="sleep 60")).settled()
        assert one.manager.pids() == two.manager.pids() == [1]
        one.stop()
        await until(lambda: not one.manager.pids())
        assert two.manager.process(1).active
    assert branded(brand) == []
