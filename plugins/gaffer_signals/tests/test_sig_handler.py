"""Signals, sent to real programs that embed a kernel."""

import os
import signal
import sys
import threading
from subprocess import PIPE, STDOUT

import pytest
import trio
from gaffer_kernel.errors import GafferError

from gaffer_signals import BaseSigHandler, SigHandler

PROGRAM = """
import logging, sys, trio
from contextlib import asynccontextmanager
from gaffer_kernel.config import Config
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.kernel import Kernel
from gaffer_signals import BaseSigHandler, SigHandler

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)

def say(*words):
    print(*words, flush=True)

class Say:
    @hookimpl
    def gaffer_event(self, event):
        if event.job is not None:
            say("event", event.event, event.name, event.data.get("os_pid", ""))

plugins = [SigHandler(), Say()]
{more}

async def main():
    kernel = Kernel(Config.read(sys.argv[1]), plugins=plugins)
    async with trio.open_nursery() as nursery:
        await nursery.start(kernel.run)
        say("up")
    say("end")

trio.run(main)
"""

STUBBORN = "sh -c 'trap \"\" TERM; touch {ready}; while :; do sleep 1; done'"


class Program:
    """A running program and the lines it has printed so far."""

    def __init__(self, process, config):
        self.process = process
        self.config = config
        self.lines = []
        self._half = b""

    def send(self, *signums):
        for signum in signums:
            self.process.send_signal(signum)

    async def wait_for_line(self, mark):
        """Wait for a line that begins with a text; return the first, past or to come."""
        seen = 0
        while True:
            for line in self.lines[seen:]:
                if line.startswith(mark):
                    return line
            seen = len(self.lines)
            assert await self._read(), f"ended without {mark!r}: {self.lines}"

    async def _read(self):
        data = await self.process.stdout.receive_some()
        *lines, self._half = (self._half + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        return bool(data)

    async def ends(self):
        """Wait for the exit; return the status."""
        while await self._read():
            pass
        return await self.process.wait()

    def count(self, mark):
        return sum(line.startswith(mark) for line in self.lines)


@pytest.fixture
async def start(tmp_path):
    """A function that starts a program with a configuration and plugins, and waits for it."""
    started = []

    async def start(config="", more="", prefix=(), stdin=None):
        path = tmp_path / "gaffer.ini"
        path.write_text(config)
        command = [*prefix, sys.executable, "-c", PROGRAM.format(more=more), str(path)]
        process = await trio.lowlevel.open_process(
            command, stdin=stdin, stdout=PIPE, stderr=STDOUT, cwd=tmp_path
        )
        started.append(process)
        program = Program(process, path)
        await program.wait_for_line("up")
        return program

    with trio.fail_after(30):
        yield start
    for process in started:
        process.kill()
        await process.wait()
        await process.stdout.aclose()


async def exists(path):
    while not path.exists():
        await trio.sleep(0.01)


def gone(os_pid):
    try:
        os.kill(int(os_pid), 0)
    except ProcessLookupError:
        return True
    return False


def test_quit_signals_are_those_of_gaffer_0_5():
    assert BaseSigHandler.QUIT_SIGNALS == SigHandler.QUIT_SIGNALS == (3, 15, 2)


async def test_base_handlers_raise_not_implemented():
    with pytest.raises(NotImplementedError):
        BaseSigHandler().handle_quit(None, 15)
    with pytest.raises(NotImplementedError):
        await BaseSigHandler().handle_reload(None, 1)


@pytest.mark.parametrize("signum", SigHandler.QUIT_SIGNALS)
async def test_a_quit_signal_stops_every_process(start, signum):
    program = await start("[process:web]\ncmd = sleep 60\nnumprocesses = 2\n")
    spawned = [(await program.wait_for_line("event spawn web")).split()[-1]]
    program.send(signum)
    assert await program.ends() == 0
    assert program.lines[-1] == "end"
    assert program.count("event stop web") == 1
    assert program.count("event exit web") == program.count("event spawn web")
    assert all(gone(os_pid) for os_pid in spawned)


async def test_a_second_quit_signal_kills_at_once(start, tmp_path):
    ready = tmp_path / "ready"
    program = await start(
        f"[process:web]\ncmd = {STUBBORN.format(ready=ready)}\ngraceful_timeout = 3600\n"
    )
    await exists(ready)
    program.send(signal.SIGINT)
    await program.wait_for_line("event stop_pid web")
    program.send(signal.SIGTERM)
    assert await program.ends() == 0
    assert program.count("event exit web") == 1
    assert "INFO SIGINT: stopping" in program.lines
    assert "INFO SIGTERM: killing what is left" in program.lines


async def test_the_first_signal_does_not_kill_after_another_stop(start):
    more = "SigHandler.handle_reload = lambda self, kernel, signum: quit_twice(kernel)\n" + (
        "async def quit_twice(kernel):\n    kernel.stop()\n    plugins[0].handle_quit(kernel, 15)\n"
    )
    program = await start("[process:web]\ncmd = sleep 60\n", more)
    program.send(signal.SIGHUP)
    assert await program.ends() == 0
    assert program.count("INFO SIGTERM: stopping") == 1


async def test_sighup_applies_changes(start):
    program = await start("[process:kept]\ncmd = sleep 60\n[process:old]\ncmd = sleep 60\n")
    await program.wait_for_line("event spawn kept")
    program.config.write_text("[process:kept]\ncmd = sleep 60\n[process:new]\ncmd = sleep 60\n")
    program.send(signal.SIGHUP)
    await program.wait_for_line("INFO SIGHUP: reloaded")
    await program.wait_for_line("event spawn new")
    await program.wait_for_line("event delete old")
    assert program.count("event spawn kept") == 1
    program.send(signal.SIGTERM)
    assert await program.ends() == 0


async def test_sighup_with_a_wrong_file_logs_one_line_and_changes_nothing(start):
    program = await start("[process:web]\ncmd = sleep 60\n")
    await program.wait_for_line("event spawn web")
    program.config.write_text("[process:web]\ncmd = sleep 60\nnumprocesses = many\n")
    before = len(program.lines)
    program.send(signal.SIGHUP)
    line = await program.wait_for_line("ERROR reload failed, the current configuration is kept:")
    assert f"{program.config}:3: [process:web] numprocesses" in line
    assert program.lines[before:] == [line]
    program.send(signal.SIGTERM)
    assert await program.ends() == 0


SLOW_RELOAD = """
from itertools import count
go, number = trio.Event(), count(1)

class Slow(SigHandler):
    QUIT_SIGNALS = (3, 15, 2, 10)

    def handle_quit(self, kernel, signum):
        go.set() if signum == 10 else super().handle_quit(kernel, signum)

    async def handle_reload(self, kernel, signum):
        mine = next(number)
        say("reload", mine, "begins")
        await go.wait()
        say("reload", mine, "ends")

plugins[0] = Slow()
"""


async def test_many_sighups_lead_to_one_more_reload(start):
    program = await start("", SLOW_RELOAD)
    program.send(signal.SIGHUP)
    await program.wait_for_line("reload 1 begins")
    program.send(*[signal.SIGHUP] * 1000)
    program.send(signal.SIGUSR1)
    await program.wait_for_line("reload 2 ends")
    program.send(signal.SIGTERM)
    assert await program.ends() == 0
    told = [line for line in program.lines if line.startswith("reload")]
    assert told == ["reload 1 begins", "reload 1 ends", "reload 2 begins", "reload 2 ends"]


async def test_a_reload_that_hangs_does_not_delay_the_exit(start):
    program = await start("", SLOW_RELOAD)
    program.send(signal.SIGHUP)
    await program.wait_for_line("reload 1 begins")
    program.send(signal.SIGTERM)
    assert await program.ends() == 0


async def test_many_sighups_lose_no_quit_signal(start):
    program = await start("[process:web]\ncmd = sleep 60\n")
    program.send(*[signal.SIGHUP] * 1000, signal.SIGTERM)
    assert await program.ends() == 0
    assert program.lines[-1] == "end"


FAILING = """
class Failing(SigHandler):
    def handle_quit(self, kernel, signum):
        if signum == 2:
            raise ValueError("oh dear")
        super().handle_quit(kernel, signum)

    async def handle_reload(self, kernel, signum):
        raise ValueError("oh no")

plugins[0] = Failing()
"""


async def test_a_handler_that_fails_is_logged_and_signals_are_still_received(start):
    program = await start("", FAILING)
    program.send(signal.SIGINT)
    await program.wait_for_line("ERROR SIGINT: handle_quit failed")
    await program.wait_for_line("ValueError: oh dear")
    program.send(signal.SIGHUP)
    await program.wait_for_line("ERROR SIGHUP: handle_reload failed")
    await program.wait_for_line("ValueError: oh no")
    program.send(signal.SIGTERM)
    assert await program.ends() == 0


SLOW_CLOSE = """
class Slow:
    @hookimpl
    def gaffer_service(self, kernel):
        return self.life()

    @asynccontextmanager
    async def life(self):
        yield
        say("closing")
        # As long as the signals take to arrive: two seconds at the most.
        with trio.move_on_after(2):
            await quit_again.wait()

class Told(SigHandler):
    def handle_quit(self, kernel, signum):
        super().handle_quit(kernel, signum)
        if signum == 2:
            quit_again.set()

quit_again = trio.Event()
plugins[:] = [Told(), Say(), Slow()]
"""


async def test_a_late_signal_does_no_harm_while_other_plugins_still_close(start):
    program = await start("", SLOW_CLOSE)
    program.send(signal.SIGTERM)
    await program.wait_for_line("closing")
    program.send(signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    assert await program.ends() == 0
    assert program.lines[-1] == "end"


async def test_closing_restores_the_previous_handlers():
    before = [signal.getsignal(signum) for signum in (1, 2, 3, 15)]
    async with SigHandler().receiving(None):
        assert all(signal.getsignal(signum) not in before for signum in (1, 2, 3, 15))
    assert [signal.getsignal(signum) for signum in (1, 2, 3, 15)] == before


def test_the_plugin_is_refused_outside_the_main_thread():
    failures = []

    async def receive():
        async with SigHandler().receiving(None):
            pass

    def run():
        try:
            trio.run(receive)
        except GafferError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    [failure] = failures
    assert failure.startswith("signals reach the main thread only")


# Becomes the foreground process group of its terminal, as a shell arranges for its commands.
IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

REPORTS_SIGNAL = (
    'sh -c \'trap "echo INT >>{told}" INT; trap "echo TERM >>{told}; exit" TERM; touch {ready};'
    " while :; do sleep 0.05; done'"
)


async def test_ctrl_c_sends_processes_one_sigterm(start, tmp_path):
    told, ready = tmp_path / "told", tmp_path / "ready"
    ours, theirs = os.openpty()
    try:
        program = await start(
            f"[process:web]\ncmd = {REPORTS_SIGNAL.format(told=told, ready=ready)}\n",
            prefix=(sys.executable, "-c", IN_TERMINAL),
            stdin=theirs,
        )
        await exists(ready)
        os.write(ours, b"\x03")
        assert await program.ends() == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert told.read_text() == "TERM\n"
