"""Signals before a plugin receives them, after it has closed, and without one."""

import signal
import subprocess
import sys

import pytest
from gaffer_testing.gafferd import COMMAND, Home, is_alive
from gaffer_testing.waiting import wait_until

STUBBORN = "sh -c 'trap \"\" TERM; echo $$$$ >s.new; mv s.new s.pid; while :; do sleep 600; done'"
IGNORED = (1, 2, 3, 10, 15)
IMPORTING = """
import pathlib, time

pathlib.Path("importing").touch()
time.sleep(600)
"""
OPENING = """
import pathlib, trio
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    pathlib.Path("opening").touch()
    await trio.sleep_forever()
    yield
"""
QUICK = """
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    yield
"""
RECEIVER = """
import signal, pathlib, trio
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

async def receive(kernel, signals):
    async for signum in signals:
        with open("received", "a") as file:
            print(signal.Signals(signum).name, file=file)
        kernel.stop()

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            nursery.start_soon(receive, kernel, signals)
            yield
        # No receiver of this plugin is there any more, and gafferd has not ended.
        pathlib.Path("closing").touch()
        while not pathlib.Path("close").exists():
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_second_quit_signal_kills_the_remaining_processes(home):
    home.write("gaffer.ini", home.job("s", STUBBORN, graceful_timeout=1000))
    with home.running("-v", "gaffer.ini") as gafferd:
        pid = home.pid("s.pid")
        gafferd.terminate()
        wait_until(lambda: "stopping" in home.messages())
        assert is_alive(pid)

        gafferd.send_signal(signal.SIGINT)

        assert gafferd.wait() == 0
        assert not is_alive(pid)


def test_sighup_does_not_end_gafferd(home):
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini") as gafferd:
        pid = home.pid("one.pid")
        gafferd.send_signal(signal.SIGHUP)
        gafferd.terminate()

        # Killed by SIGHUP it would have another status, and leave its child running.
        assert gafferd.wait() == 0
        assert not is_alive(pid)


def test_ignored_signals_of_the_parent_are_reset(home):
    home.write("gaffer.ini", home.job("one"))
    ignoring = ("sh", "-c", 'trap "" HUP INT QUIT USR1 TERM; exec "$0" "$@"')
    with home.running("gaffer.ini", program=(*ignoring, *home_program())) as gafferd:
        pid = home.pid("one.pid")
        ignored = signal_set(pid, "SigIgn")
        assert not ignored.intersection(IGNORED)

        gafferd.send_signal(signal.SIGINT)

        assert gafferd.wait() == 0
        assert not is_alive(pid)


def test_blocked_signals_of_the_parent_are_unblocked(home):
    home.write("gaffer.ini", home.job("one"))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        with home.running("gaffer.ini") as gafferd:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            # Not at once: a shell blocks all signals while it starts a command.
            wait_until(lambda: not signal_set(home.pid("one.pid"), "SigBlk"))
            gafferd.terminate()
            assert gafferd.wait() == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_sigint_during_the_import_ends_gafferd_without_a_traceback(home):
    home.write("shadow/trio.py", IMPORTING)
    with home.running(PYTHONPATH=home / "shadow") as gafferd:
        wait_until((home / "importing").exists)

        gafferd.send_signal(signal.SIGINT)

        assert gafferd.wait() == -signal.SIGINT  # Shells report status 130.
    assert home.messages() == ""


def test_a_signal_before_the_kernel_starts_exits_with_status_0(home):
    home.write("plugins/slow/__init__.py", IMPORTING)
    with home.running("-p", "plugins", "--pidfile", "pid") as gafferd:
        wait_until((home / "importing").exists)

        gafferd.terminate()

        assert gafferd.wait() == 0
    assert home.messages() == ""


def test_a_signal_during_the_start_ends_the_start(home):
    home.write("plugins/slow/__init__.py", OPENING)
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini", "-p", "plugins", "--pidfile", "pid") as gafferd:
        wait_until((home / "opening").exists)

        gafferd.terminate()

        assert gafferd.wait(5) == 0  # Long before the deadline for opening.
    assert not (home / "one.pid").exists()
    assert not (home / "pid").exists()


def test_a_plugin_replaces_the_handlers_while_it_is_open(home):
    home.write("plugins/receiver/__init__.py", RECEIVER)
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini", "-p", "plugins") as gafferd:
        home.pid("one.pid")
        gafferd.terminate()
        wait_until((home / "closing").exists)
        assert (home / "received").read_text() == "SIGTERM\n"

        # The plugin has closed its receiver; the handlers of gafferd must be back.
        for signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            gafferd.send_signal(signum)
        (home / "close").touch()

        assert gafferd.wait() == 0
    assert (home / "received").read_text() == "SIGTERM\n"


@pytest.mark.parametrize("before", [None, "VERSION = 1\n"])
def test_sigterm_during_a_reload_stops_without_an_error(tmp_path, before):
    home = Home(tmp_path, "signals")
    home.write("plugins/first/__init__.py", QUICK)
    if before is not None:
        home.write("plugins/slow/__init__.py", QUICK + before)
    home.write("gaffer.ini", home.job("one"))
    with home.running("-v", "gaffer.ini", "-p", "plugins") as gafferd:
        home.pid("one.pid")
        home.write("plugins/slow/__init__.py", OPENING)
        gafferd.send_signal(signal.SIGHUP)
        wait_until((home / "opening").exists)

        gafferd.terminate()

        assert gafferd.wait(5) == 0  # Long before the deadline for opening.
    assert "ERROR" not in home.messages()
    assert "Traceback" not in home.messages()
    assert "SIGHUP: not reloaded, gaffer is shutting down" in home.messages()


def test_sighup_during_a_stop_changes_nothing(tmp_path):
    home = Home(tmp_path, "signals")
    home.write("gaffer.ini", home.job("s", STUBBORN, graceful_timeout=1000))
    with home.running("-v", "gaffer.ini") as gafferd:
        home.pid("s.pid")
        gafferd.terminate()
        wait_until(lambda: "stopping" in home.messages())
        home.write("gaffer.ini", home.job("new"))

        gafferd.send_signal(signal.SIGHUP)

        wait_until(lambda: "SIGHUP: not reloaded, gaffer is shutting down" in home.messages())
        gafferd.terminate()
        assert gafferd.wait() == 0
    assert "ERROR" not in home.messages()
    assert not (home / "new.pid").exists()


def home_program():
    return (str(COMMAND),)


def signal_set(pid, name):
    """Return the signals in one of the masks of a process."""
    with open(f"/proc/{pid}/status") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith(name))
    return {number + 1 for number in range(64) if mask >> number & 1}


def test_a_shell_can_ignore_signals_in_its_children(home):
    """Ensure that the two tests above test something: masks are inherited."""
    command = ["sh", "-c", 'trap "" HUP INT QUIT USR1 TERM; exec sleep 600']
    with subprocess.Popen(command) as process:
        wait_until(lambda: signal_set(process.pid, "SigIgn") >= set(IGNORED))
        process.kill()


def test_gafferd_reads_exit_statuses_if_its_parent_ignores_sigchld(home):
    home.write("gaffer.ini", home.job("one", "sh -c 'echo >>runs; exit 3'"))
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    ignoring = (sys.executable, "-c", f"{code} os.execv(sys.argv[1], sys.argv[1:])", COMMAND)
    with home.running("gaffer.ini", program=ignoring) as gafferd:
        wait_until(lambda: "exited with status 3" in home.messages(), gafferd)
        gafferd.terminate()
        assert gafferd.wait() == 0
