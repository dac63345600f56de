"""Processes of an earlier gafferd: found by their mark, and ended."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.linux.leftovers import end_leftovers, find_leftovers, make_instance, make_origin
from gaffer_kernel.linux.orphans import DETACHED
from gaffer_kernel.linux.procfs import MARK

STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)


@pytest.fixture
def origin(tmp_path):
    return make_origin(tmp_path / "gaffer.ini")


@pytest.fixture
def left(origin):
    """Start a process with the mark of a gafferd that is gone: `process = left()`."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    with ExitStack() as stack:

        def start(argv=("sleep", "60"), *, pid=gone.pid, start_ticks=1, end="", **environ):
            mark = f"0.{origin}.{pid}.{start_ticks}:7{end}"
            process = subprocess.Popen(
                argv, env={**os.environ, MARK: mark, **environ}, stdout=subprocess.PIPE
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(process.stdout.close)
            return process

        yield start


async def find(origin):
    """Return the os pids of the leftovers."""
    return [each.os_pid for each in find_leftovers(origin)]


async def test_process_of_a_gone_gafferd_is_found(left, origin):
    environ = {"GAFFER_SESSION": "shop", "GAFFER_JOB": "web", "GAFFER_NUMBER": "2"}
    process = left(**environ)
    [found] = await until(lambda: find_leftovers(origin))
    assert (found.os_pid, found.job, found.command) == (process.pid, "shop.web.2", "'sleep 60'")


async def test_other_processes_are_not_found(left, origin, tmp_path):
    left()
    await until(find, origin)
    own = make_instance(origin)
    assert own.split(".")[1:3] == [origin, str(os.getpid())]
    assert not find_leftovers(make_origin(tmp_path / "other.ini"))
    start_ticks = own.split(".")[3]
    other = [
        left(pid=os.getpid(), start_ticks=start_ticks),  # of a gafferd that runs
        left(end=DETACHED),
    ]
    reused = left(pid=os.getpid(), start_ticks="2")
    await until(lambda: len(find_leftovers(origin)) == 2)
    found = {each.os_pid for each in find_leftovers(origin)}
    assert reused.pid in found
    assert not found & {each.pid for each in other}


async def test_this_process_and_its_ancestors_are_spared(left, origin):
    code = f"from gaffer_kernel.linux.leftovers import *; print(find_leftovers({origin!r}))"
    process = left(["sh", "-c", f'"$0" -c "{code}"; :', sys.executable])
    assert await trio.to_thread.run_sync(process.stdout.read) == b"[]\n"


async def test_leftovers_are_terminated(left, origin, caplog):
    process = left(GAFFER_JOB="web")
    await until(find, origin)
    await end_leftovers(origin)
    assert process.wait(0) == -15
    [record] = caplog.records
    assert record.getMessage() == (
        f"web: os pid {process.pid} ('sleep 60') of an earlier gafferd still runs: sent SIGTERM"
    )


async def test_leftovers_that_ignore_sigterm_are_killed(left, origin):
    process = left([sys.executable, "-c", STUBBORN])
    await trio.to_thread.run_sync(process.stdout.readline)
    await end_leftovers(origin, stop_timeout=0.2)
    assert process.wait(0) == -9
