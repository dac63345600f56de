"""The watchdog of the shutdown: gafferd ends, even if a plugin hangs."""

import subprocess
import sys

import pytest
from gaffer_testing.gafferd import DEADLINE, Home, is_alive
from gaffer_testing.waiting import wait_until

from gaffer_kernel.daemon.shutdown_watchdog import ShutdownWatchdog

STUCK = """
import logging, os, subprocess, sys, time
from pathlib import Path
from gaffer_kernel.daemon.shutdown_watchdog import ShutdownWatchdog
from gaffer_kernel.linux.orphans import become_subreaper

become_subreaper()
logging.basicConfig(format="%(message)s")
told = "echo $$ >{0}.new; mv {0}.new {0}; "
escape = f"(setsid sh -c '{told.format('escaped')} exec sleep 600' &); "
children = [
    subprocess.Popen(["sh", "-c", f"{told.format(name)} {more} exec sleep 600"])
    for name, more in (("plain", ""), ("parent", escape), ("detached", ""))
]
while not all(map(os.path.exists, ("plain", "parent", "escaped", "detached"))):
    time.sleep(0.01)

def get_stuck():
    time.sleep(600)

watchdog = ShutdownWatchdog(lambda: Path("farewell").touch())
watchdog.kill_within(500, spare={children[-1].pid})
watchdog.kill_within(0.1, spare=set())
watchdog.kill_within(500, spare=set())
get_stuck()
"""
WHILE_LOGGING = """
import logging, threading, time
from gaffer_kernel.daemon.shutdown_watchdog import ShutdownWatchdog

class Stuck(logging.StreamHandler):
    def emit(self, record):
        if threading.current_thread() is threading.main_thread():
            time.sleep(600)

logging.root.addHandler(Stuck())
ShutdownWatchdog(lambda: None).kill_within(0.1, spare=set())
logging.critical("hello")
"""
EXITING = """
import time
from gaffer_kernel.daemon.shutdown_watchdog import ShutdownWatchdog

ShutdownWatchdog(lambda: None).exit_within(0.1, 7)
time.sleep(600)
"""
# A gafferd with short deadlines.
HASTY = """
import functools, sys
from gaffer_kernel.daemon import command
from gaffer_kernel.daemon import daemon_kernel
from gaffer_kernel.plugins import lifecycle

command.Plugins = functools.partial(command.Plugins, stop_deadline=0.1, start_deadline=0.1)
for name in ("STOP_DEADLINE", "KILL_TIMEOUT", "SHUTDOWN_MARGIN", "ABANDON_AFTER", "EXIT_TIMEOUT"):
    setattr(daemon_kernel, name, 0.1)
lifecycle.ABANDON_AFTER = 0.1
sys.exit(command.main())
"""
SERVICE = """
import pathlib, time, trio
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    {before}
    yield
    {after}
"""
SHIELD = "with trio.CancelScope(shield=True): await trio.sleep_forever()"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def run(program, folder):
    with open(folder / "err", "wb") as err:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
            timeout=DEADLINE,
        )
    return done.returncode


def test_the_watchdog_kills_a_stuck_program_and_its_children(home):
    status = run(STUCK, home.folder)

    pids = {name: home.pid(name) for name in ("plain", "parent", "escaped", "detached")}
    try:
        assert status == 1
        assert (home / "farewell").exists()
        assert [name for name, pid in pids.items() if is_alive(pid)] == ["detached"]
        assert home.messages().startswith("the shutdown took more than 0.1 s: killed what was left")
        assert "(get_stuck)" in home.messages()
    finally:
        subprocess.run(["kill", "-KILL", str(pids["detached"])], check=False)


def test_the_watchdog_ends_a_program_that_is_stuck_in_its_log(home):
    assert run(WHILE_LOGGING, home.folder) == 1


def test_exit_within_exits_with_the_given_status(home):
    assert run(EXITING, home.folder) == 7
    assert home.messages() == ""


def test_gafferd_ends_if_a_plugin_does_not_close(home):
    home.write("plugins/web/__init__.py", SERVICE.format(before="pass", after=SHIELD))
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini", "-p", "plugins", program=(sys.executable, "-c", HASTY)) as it:
        pid = home.pid("one.pid")
        it.terminate()
        assert it.wait() == 0
        assert not is_alive(pid)
    assert "plugin web: did not close in time" in home.messages()


def test_gafferd_ends_if_a_plugin_neither_opens_nor_ends(home):
    home.write("plugins/web/__init__.py", SERVICE.format(before=SHIELD, after="pass"))

    result = home.run("-p", "plugins", program=(sys.executable, "-c", HASTY))

    assert result.returncode == 1
    assert "\ngafferd: plugin web: did not start within 0.1 s" in result.stderr


def test_gafferd_ends_if_a_plugin_blocks_the_event_loop(home):
    home.write("plugins/web/__init__.py", SERVICE.format(before="pass", after="time.sleep(600)"))
    home.write("gaffer.ini", home.job("one", graceful_timeout=0.1))
    with home.running(
        "gaffer.ini", "-p", "plugins", "--pidfile=pid", program=(sys.executable, "-c", HASTY)
    ) as gafferd:
        home.pid("one.pid")
        gafferd.terminate()
        assert gafferd.wait(DEADLINE) == 1
    assert "killed what was left; the main thread was in" in home.messages()
    assert "plugins/web/__init__.py:11 (gaffer_service)" in home.messages()
    assert not (home / "pid").exists()


def test_the_deadline_counts_from_any_call_of_stop(home):
    stop = "trio.lowlevel.current_trio_token().run_sync_soon(kernel.stop)"
    home.write("plugins/web/__init__.py", SERVICE.format(before=stop, after="time.sleep(600)"))
    with home.running("-p", "plugins", program=(sys.executable, "-c", HASTY)) as gafferd:
        wait_until(lambda: gafferd.poll() is not None)
        assert gafferd.returncode == 1


def test_a_shutdown_without_a_free_thread_goes_on_without_a_deadline(monkeypatch, caplog):
    def fail(timer):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", fail)
    ShutdownWatchdog(lambda: None).kill_within(500, spare=set())
    assert "no deadline: can't start new thread" in caplog.text
