"""Stopping what a foreground program has started after the program itself has died."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gaffer_testing.waiting import until

from gaffer_kernel.linux import LinuxSystem, parent_death
from gaffer_kernel.linux.procfs import MARK
from tests.real import branded

PROGRAM = """
import os, subprocess, sys, time
from gaffer_kernel.linux.parent_death import watch_parent_death
watcher = watch_parent_death("instance", {stop_timeout})
marked = {{**os.environ, "GAFFER_SPAWN": "instance:1"}}
for line in {lines}:
    subprocess.Popen(["sh", "-c", line], env=marked, start_new_session=True)
detached = {{**marked, "GAFFER_SPAWN": "instance:2:detached"}}
subprocess.Popen(["sleep", "60"], env=detached, start_new_session=True)
print("ready", flush=True)
if {dismiss}:
    watcher.dismiss()
    print("dismissed", flush=True)
time.sleep(60)
"""


@pytest.fixture
def program(brand):
    """Start a program with a watcher; return it and its processes."""
    begun = []

    def begin(*lines, stop_timeout=0.3, dismiss=False):
        code = PROGRAM.format(stop_timeout=stop_timeout, lines=list(lines), dismiss=dismiss)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def read_environ(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def detached(brand):
    return [pid for pid in branded(brand) if b"instance:2" in read_environ(pid)]


async def test_processes_of_a_killed_program_are_stopped_except_detached_ones(program, brand):
    process = program("sleep 60 & wait", "setsid sleep 60")
    process.kill()
    await until(lambda: branded(brand) == detached(brand) != [])


async def test_a_reported_session_without_a_mark_is_stopped(brand):
    code = """
import os, subprocess, sys, time
from gaffer_kernel.linux.parent_death import watch_parent_death
watcher = watch_parent_death("instance", 30)
brand = {name: value for name, value in os.environ.items() if name != "GAFFER_SPAWN"}
ended = subprocess.Popen(["true"], start_new_session=True)
watcher.watch(ended.pid)
ended.wait()
watcher.forget(ended.pid)
for line in ("exec sleep 60", "sleep 60 & wait"):
    begun = subprocess.Popen(["sh", "-c", line], env=brand, start_new_session=True)
    watcher.watch(begun.pid)
print("ready", flush=True)
time.sleep(60)
"""
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
        await until(lambda: not branded(brand))


def test_reports_to_a_dead_watcher_are_ignored():
    code = """
import os, signal
from gaffer_kernel.linux.parent_death import watch_parent_death
from gaffer_kernel.linux.procfs import list_children
watcher = watch_parent_death("instance", 1)
[pid] = list_children()
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
watcher.watch(1)
watcher.forget(1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_watcher_sends_sigterm_first(program, brand, tmp_path):
    told = tmp_path / "told"
    begun = tmp_path / "begun"
    line = f"trap 'echo told >{told}; exit' TERM; touch {begun}; while :; do sleep 0.02; done"
    process = program(line, stop_timeout=30)
    await until(begun.exists)
    process.kill()
    await until(told.exists)
    await until(lambda: branded(brand) == detached(brand))


async def test_watcher_kills_processes_that_ignore_sigterm(program, brand, tmp_path):
    begun = tmp_path / "begun"
    process = program(f"trap '' TERM; touch {begun}; while :; do sleep 0.02; done")
    await until(begun.exists)
    process.kill()
    await until(lambda: branded(brand) == detached(brand))


async def test_watcher_stops_processes_in_sigstop(program, brand):
    process = program("kill -STOP $$; sleep 60", stop_timeout=30)
    process.kill()
    await until(lambda: branded(brand) == detached(brand))


async def test_signals_to_the_group_of_the_program_do_not_reach_the_watcher(brand):
    code = PROGRAM.format(stop_timeout=0.3, lines=["sleep 60"], dismiss=False)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGKILL)
        await until(lambda: branded(brand) == detached(brand) != [])


async def test_a_dismissed_watcher_stops_nothing_and_leaves_no_zombie(program, brand):
    process = program("exec sleep 60", dismiss=True)
    assert process.stdout.readline() == "dismissed\n"
    # The program, its processes and the detached ones, without the watcher.
    await until(lambda: len(branded(brand)) == 3)
    assert process.pid in branded(brand)


def test_dismiss_works_after_the_watcher_was_killed_and_reaped():
    code = """
import os, signal
from gaffer_kernel.linux.parent_death import watch_parent_death
from gaffer_kernel.linux.procfs import list_children
watcher = watch_parent_death("instance", 1)
[pid] = list_children()
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
watcher.dismiss()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_stop_marked_returns_at_once_when_there_is_nothing(monkeypatch):
    monkeypatch.setattr(parent_death.time, "sleep", None)
    parent_death.stop_marked("nobody's:", 1000)


async def test_marks_of_a_system_begin_with_its_instance(brand):
    from gaffer_kernel import JobConfig, open_kernel

    system = LinuxSystem()
    async with open_kernel(system=system) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="sleep 60"))
        await job.settled()
        [process] = job.processes
        wanted = f"{MARK}={system.instance}:".encode()
        await until(lambda: wanted in read_environ(process.os_pid))
