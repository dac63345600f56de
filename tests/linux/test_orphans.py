"""Orphans: found, stopped and reaped by a kernel that owns its process."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from math import inf
from pathlib import Path

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.procfs import identify
from tests.real import Runner, branded, children, descriptors


@pytest.fixture
async def run(own_kernel, recorder, adviser) -> Runner:
    """Runs programs on the kernel that owns its process."""
    runner = Runner(own_kernel, recorder)
    adviser.on_event = runner.heed
    return runner


def escaped(line: str) -> str:
    """Return a command that runs a line in another session, after a double fork."""
    return f"(setsid sh -c '{line}' </dev/null >/dev/null 2>&1 &); "


def sleepers(brand: str) -> set[int]:
    """Return the processes of the test that run sleep."""
    return {pid for pid in branded(brand) if comm(pid) == "sleep"}


def comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


async def grown(brand: str, sleeping: int) -> set[int]:
    """Wait for a number of processes that run sleep; return all processes of the test."""
    await until(lambda: len(sleepers(brand)) == sleeping)
    return set(branded(brand))


async def test_an_orphan_after_double_fork_and_setsid_is_stopped_and_logged(run, brand, caplog):
    process = await run.begin(escaped("exec sleep 60") + "exec sleep 60", shell=True)
    [orphan_pid] = await grown(brand, 2) - {process.os_pid}
    assert os.getsid(orphan_pid) != os.getsid(process.os_pid)
    process.stop()
    exited = await run.end(process)
    assert branded(brand) == []
    assert exited.data["term_signal"] == signal.SIGTERM
    assert str(process.job) in caplog.text
    assert str(orphan_pid) in caplog.text


async def test_an_orphan_that_is_slow_in_exec_is_stopped(run, brand, monkeypatch):
    """On a busy machine its environment is unreadable for more than a tenth of a second."""
    slow = inf

    def slowly(pid):
        identity = identify(pid)
        if identity is None or identity.is_zombie or time.monotonic() > slow:
            return identity
        return identity._replace(marks=None, is_in_exec=True)

    monkeypatch.setattr("gaffer_kernel.linux.orphans.identify", slowly)
    process = await run.begin(escaped("exec sleep 60") + "exec sleep 60", shell=True)
    await grown(brand, 2)
    slow = time.monotonic() + 0.5
    process.stop()
    await run.end(process)
    await until(lambda: not branded(brand))


async def test_an_orphan_that_leaves_the_group_after_adoption_is_stopped(run, brand, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    orphan = f"(sh -c 'read x <{gate}; exec setsid sleep 60' >/dev/null 2>&1 &); "
    process = await run.begin(orphan + "exec sleep 60", shell=True)
    await until(lambda: len(branded(brand)) == 2 and sleepers(brand) == {process.os_pid})
    # The exit of another process causes a scan, which finds it in the group.
    assert await run("echo hello") == "hello\n"
    gate.write_text("go\n")
    await grown(brand, 2)
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
    assert branded(brand) == []


FORKS_ON_SIGTERM = """
import os, signal, subprocess
def fork(*_):
    # Returns after execve(2): before, the forked process would handle a signal as its parent does.
    subprocess.Popen(["sleep", "60"])
    os._exit(0)
signal.signal(signal.SIGTERM, fork)
print("on", flush=True)
while True:
    signal.pause()
"""


async def test_a_process_forked_during_sigterm_gets_sigterm_too(run, brand):
    process = await run.begin(
        f"{sys.executable} -c {shlex.quote(FORKS_ON_SIGTERM)}", redirect_output=["out"]
    )
    await run.lines(process, "on")
    process.stop()
    await run.end(process)
    assert branded(brand) == []


async def test_orphans_are_killed_when_the_leader_exits_by_itself(run, brand):
    process = await run.begin(
        escaped("exec sleep 60") + "read x; exit 3", shell=True, redirect_input=True
    )
    await grown(brand, 1)
    await process.write("go\n")
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    assert branded(brand) == []


async def test_a_successor_starts_after_the_last_orphan_of_its_predecessor(run, brand, recorder):
    job = run.load(escaped("trap : TERM; sleep 60") + "exec sleep 60", shell=True)
    job.start()
    await job.settled()
    first = await grown(brand, 2)
    os.kill(job.processes[0].os_pid, signal.SIGKILL)
    await recorder.wait_for("exit", pid=1)
    assert not first & set(branded(brand))
    await job.settled()
    assert len(job.pids()) == 1


NEST = 'setsid sh -c "setsid sleep 60 & sleep 60 & wait" & wait'


@pytest.mark.parametrize("how", ["stop", "exit"])
async def test_orphans_of_orphans_are_stopped(run, brand, how):
    process = await run.begin(
        escaped(NEST) + "read x; exit 0", shell=True, redirect_input=True, graceful_timeout=0.5
    )
    await grown(brand, 2)
    if how == "stop":
        process.stop()
    else:
        await process.write("go\n")
    await run.end(process)
    assert branded(brand) == []


async def test_an_orphan_that_ignores_sigterm_is_killed_with_its_job(run, brand):
    process = await run.begin(
        escaped('trap "" TERM; while :; do sleep 1; done') + "exec sleep 60",
        shell=True,
        graceful_timeout=0.3,
    )
    await grown(brand, 2)
    began = trio.current_time()
    process.stop()
    await run.end(process)
    assert 0.3 <= trio.current_time() - began < 5
    assert branded(brand) == []


async def test_with_stop_scope_leader_an_orphan_is_killed_after_the_leader(run, brand, tmp_path):
    line = f'trap "echo > {tmp_path}/signalled" TERM; while :; do sleep 0.01; done'
    process = await run.begin(
        escaped(line) + f"trap '' INT; echo >{tmp_path}/ready; exec sleep 60",
        shell=True,
        stop="INT 300ms, TERM 30s, KILL",
        stop_scope="leader",
    )
    await until(lambda: (tmp_path / "ready").exists() and len(branded(brand)) >= 2)
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
    assert branded(brand) == []
    assert not (tmp_path / "signalled").exists()


async def test_an_orphan_can_clean_up(run, brand, tmp_path):
    note = tmp_path / "note"
    line = f'trap "echo bye >{note}; exit" TERM; echo hi >{note}; while :; do sleep 0.01; done'
    process = await run.begin(escaped(line) + "exec sleep 60", shell=True)
    await until(note.exists)
    process.stop()
    await run.end(process)
    assert note.read_text() == "bye\n"


async def test_an_orphan_that_exits_before_its_leader_is_reaped(run, brand):
    process = await run.begin(escaped("sleep 0.05") + "exec sleep 60", shell=True)
    await until(lambda: branded(brand) == [process.os_pid])
    await until(lambda: not _zombies(), seconds=10)
    process.stop()
    await run.end(process)


def _zombies() -> list[int]:
    found = []
    for pid in children():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z":
            found.append(pid)
    return found


async def test_an_orphan_without_its_mark_is_logged_when_inherited_and_at_the_end(
    own_settings, brand, caplog, tmp_path
):
    file = tmp_path / "pid"
    line = f"echo $$ >{file}.new; mv {file}.new {file}; exec sleep 61"
    cmd = f"(setsid env -i sh -c '{line}' </dev/null >/dev/null 2>&1 &); exec sleep 60"
    async with open_kernel(system=LinuxSystem(own_process=True)) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd=cmd, shell=True))
        await until(file.exists)
        pid = int(file.read_text())
        job.stop()
        await until(lambda: f"os pid {pid} (" in caplog.text)
        assert "left running" not in caplog.text
    assert f"os pid {pid} ('sleep 61') is left running" in caplog.text
    kill(pid)


async def test_children_that_the_program_started_before_the_first_job_are_not_logged(
    own_settings, brand, caplog
):
    with subprocess.Popen(["sleep", "60"], start_new_session=True, env={}) as own:
        async with open_kernel(system=LinuxSystem(own_process=True)) as kernel:
            job = kernel.manager.load(JobConfig(name="web", cmd="sleep 0.2"))
            await until(lambda: job.exited)
        own.kill()
    assert "inherited" not in caplog.text
    assert "left running" not in caplog.text


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def test_foreign_children_are_neither_killed_nor_reaped(run):
    with (
        subprocess.Popen(["sleep", "60"]) as own,
        subprocess.Popen(["sh", "-c", "exit 6"]) as short,
    ):
        assert await run("echo hello") == "hello\n"
        process = await run.begin(escaped("exec sleep 60") + "exec sleep 60", shell=True)
        process.stop()
        await run.end(process)
        assert own.poll() is None
        own.kill()
        assert short.wait() == 6


async def test_children_keep_the_original_limit_of_open_files(
    brand, own_settings, recorder, adviser
):
    resource.setrlimit(resource.RLIMIT_NOFILE, (700, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    async with open_kernel(plugins=[recorder, adviser], system=LinuxSystem(own_process=True)) as it:
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 700
        runner = Runner(it, recorder)
        adviser.on_event = runner.heed
        assert await runner("sh -c 'sleep 0.1; ulimit -n'") == "700\n"


async def test_custom_streams_work_when_we_have_more_descriptors_than_a_child_may_have(
    brand, own_settings, recorder, adviser
):
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    async with open_kernel(plugins=[recorder, adviser], system=LinuxSystem(own_process=True)) as it:
        runner = Runner(it, recorder)
        adviser.on_event = runner.heed
        many = [os.dup(0) for _ in range(400)]
        try:
            printed = await runner("sh -c 'echo hello >&4; echo done'", custom_streams=["a", "b"])
        finally:
            for fd in many:
                os.close(fd)
        assert printed == "done\n"


async def test_detached_processes_and_what_they_left_survive_the_kernel(brand, own_settings):
    before = descriptors()
    async with open_kernel(system=LinuxSystem(own_process=True)) as kernel:
        line = escaped("exec sleep 60") + "exec sleep 60"
        config = JobConfig(name="web", cmd=line, shell=True, detach=True)
        await kernel.manager.load(config).settled()
        there = await grown(brand, 2)
    assert set(branded(brand)) == there
    assert set(descriptors().items()) - set(before.items()) == set()


async def test_shutdown_leaves_no_orphan_of_other_processes(brand, own_settings):
    async with open_kernel(system=LinuxSystem(own_process=True)) as kernel:
        for number, line in enumerate(("exec sleep 60", NEST)):
            config = JobConfig(name=f"web{number}", cmd=escaped(line) + "exec sleep 60", shell=True)
            await kernel.manager.load(config).settled()
        await grown(brand, 5)
    assert branded(brand) == []


async def test_group_of_a_killed_leader_is_reaped_before_its_exit(run, adviser):
    left = []

    def look(event):
        run.heed(event)
        if event.event == "exit":
            left.append(children() - before)

    before = children()
    adviser.on_event = look
    silent = "sleep 60 >/dev/null 2>&1 & "
    process = await run.begin(
        silent * 3 + "echo on; read x; echo last; kill -9 $$",
        shell=True,
        redirect_input=True,
        redirect_output=["out"],
    )
    await run.lines(process, "on")
    await process.write("go\n")
    # Its last output, EOF and the exit become readable at once.
    while process.status() != "zombie":
        time.sleep(0.001)  # noqa: ASYNC251  nothing else may run meanwhile
    await run.end(process)
    assert left == [set()]
