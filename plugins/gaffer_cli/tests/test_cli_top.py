"""`gafferctl top`, as a subprocess on its own terminal."""

import json
import signal

import pytest
from gaffer_kernel import JobConfig
from gaffer_kernel.jobs.config import Flapping
from gaffer_testing.waiting import until

from .conftest import COMMANDS
from .terminal_program import TerminalProgram

ENTER, LEAVE, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


@pytest.fixture
def top(environ, url):
    """Start `gafferctl top`: `top_program = top("--sort", "cpu", width=80)`."""
    started = []

    def start(*arguments, variables=None, **size):
        argv = [COMMANDS / "gafferctl", "top", *arguments]
        env = {**environ, "TERM": "xterm", "GAFFER_ENDPOINT": url, **(variables or {})}
        started.append(TerminalProgram(argv, env=env, **size))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
async def jobs(kernel):
    """Two jobs; the second one writes output."""
    nap = kernel.manager.load(
        JobConfig(name="nap", cmd="sleep 1000", numprocesses=2, redirect_output=[])
    )
    await nap.settled()
    script = "sh -c 'echo first words; while read -r line; do echo got $$line; done'"
    echoing = kernel.manager.load(
        JobConfig(name="talk", cmd=script, redirect_output=["out"], redirect_input=True), "night"
    )
    await echoing.settled()
    return kernel.manager


def restored(top_program):
    """Return whether the terminal is restored."""
    last = top_program.raw[top_program.raw.rindex(ENTER) :]
    return LEAVE in last and SHOW_CURSOR in last


async def test_top_shows_jobs_and_output_of_the_selected_one(jobs, top):
    top_program = top()
    await top_program.until("2 jobs, 3 processes, cpu ")
    await top_program.until("night.talk")
    await top_program.until("(no output of this process is redirected)")
    top_program.type("j")
    await top_program.until("-- night.talk: active -")
    await top_program.until("first words")
    await jobs.process(3).write(b"hello\n")
    await top_program.until("got hello")
    top_program.type("q")
    assert await top_program.ended() == 0
    assert restored(top_program)
    assert top_program.settings == top_program.before


@pytest.mark.parametrize("key", ["\x03", "INT"])
async def test_ctrl_c_quits_top_and_restores_the_terminal(jobs, top, key):
    top_program = top()
    await top_program.until("2 jobs")
    if key == "INT":
        top_program.process.send_signal(signal.SIGINT)
    else:
        top_program.type(key)
    assert await top_program.ended() == 130
    assert restored(top_program)
    assert top_program.settings == top_program.before
    assert "Traceback" not in top_program.text


async def test_signal_quits_top_and_restores_the_terminal(jobs, top):
    top_program = top()
    await top_program.until("2 jobs")
    top_program.process.send_signal(signal.SIGTERM)
    assert await top_program.ended() == 128 + signal.SIGTERM
    assert restored(top_program)
    assert top_program.settings == top_program.before


async def test_terminal_hangup_quits_top(jobs, top):
    top_program = top()
    await top_program.until("2 jobs")
    top_program.hang_up()
    # It may exit by EOF or by SIGHUP; a shell reports the same status for both.
    assert await top_program.ended() in (128 + signal.SIGHUP, -signal.SIGHUP)


async def test_ctrl_z_restores_the_terminal_until_sigcont(jobs, environ, url):
    variables = {"TERM": "xterm", "PS1": "$ ", "GAFFER_ENDPOINT": url}
    shell = TerminalProgram(["bash", "--noprofile", "--norc", "-i"], env={**environ, **variables})
    try:
        shell.type(f"{COMMANDS}/gafferctl top\r")
        await shell.until("2 jobs")
        shell.type("\x1a")
        await shell.until("Stopped")
        assert restored(shell)
        shell.type("fg\r")
        await shell.until("2 jobs")
        shell.type("q")
        await shell.until("$ ")
        shell.type("echo status $?\r")
        await shell.until("status 0\r\n")
    finally:
        shell.close()


async def test_top_follows_a_window_resize(jobs, top):
    # Shells that export these variables do not update them.
    top_program = top(variables={"COLUMNS": "80", "LINES": "24"}, width=80, height=24)
    await top_program.until("2 jobs, 3 processes")
    top_program.resize(24, 5)
    top_program.process.send_signal(signal.SIGWINCH)
    await top_program.until("q quit  j/k select  c …")
    top_program.type("q")
    assert await top_program.ended() == 0


async def test_top_waits_for_gafferd(kernel, jobs, top, url):
    kernel.config.options["bind"] = url.removeprefix("http://")
    top_program = top("--interval", "0.25")
    await top_program.until("2 jobs")
    await kernel.plugins.close("http")
    await top_program.until("waiting for gafferd: ")
    kernel.manager.load(JobConfig(name="new", cmd="sleep 1000"))
    await kernel.plugins.open("http")
    await top_program.until("3 jobs")
    top_program.type("jj")
    await top_program.until("first words")
    top_program.type("q")
    assert await top_program.ended() == 0
    assert restored(top_program)
    assert top_program.settings == top_program.before


async def test_top_follows_a_restarted_process(kernel, jobs, top):
    top_program = top("--interval", "0.25")
    await top_program.until("2 jobs")
    top_program.type("j")
    await top_program.until("first words")
    jobs.process(3).kill(signal.SIGKILL)
    await top_program.until(f"{'first words':80}\r\nfirst words ")
    top_program.type("q")
    assert await top_program.ended() == 0


async def test_top_shows_the_output_of_a_job_that_gave_up(kernel, jobs, top):
    once = Flapping(attempts=1, window=1, retry_in=1, max_retry=0)
    crash = JobConfig(
        name="zcrash", cmd="sh -c 'echo why; exit 3'", redirect_output=["out"], flapping=once
    )
    job = kernel.manager.load(crash)
    await until(lambda: job.status()["flapping"]["gave_up"])
    top_program = top("--interval", "0.25")
    await top_program.until("3 jobs")
    top_program.type("jj")
    await top_program.until("-- zcrash: ")
    await top_program.until("why")
    top_program.type("q")
    assert await top_program.ended() == 0


async def test_top_without_stats_shows_dashes(kernel, jobs, ask):
    await kernel.plugins.close("stats")
    done = await ask("gafferctl", "top")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["NAME", "STATE", "RUN/WANT", "CPU%", "MEM", "RESTARTS", "PIDS"],
        ["nap", "active", "2/2", "-", "-", "0", "1,2"],
        ["night.talk", "active", "1/1", "-", "-", "0", "3"],
    ]


async def test_top_json_prints_all_jobs_once(kernel, jobs, ask):
    done = await ask("gafferctl", "top", "--json")
    nap, talk = json.loads(done.stdout)
    assert (nap["name"], nap["pids"], nap["restarts"]) == ("nap", [1, 2], 0)
    assert nap["cpu"] >= 0
    assert talk["mem"] > 0


async def test_dumb_terminal_gets_a_table(jobs, top):
    top_program = top(variables={"TERM": "dumb"})
    assert await top_program.ended() == 0
    assert "\x1b" not in top_program.raw
    assert top_program.raw.count("\r\n") == 3


async def test_top_without_gafferd_is_one_line(kernel, top):
    top_program = top("--connect", "unix:/nosuch")
    assert await top_program.ended() == 4
    assert top_program.raw.count("\r\n") == 1
    assert ENTER not in top_program.raw


@pytest.mark.parametrize("arguments", [("--sort", "pid"), ("--interval", "0"), ("web",)])
def test_wrong_usage_of_top_is_one_line(command, arguments):
    done = command("gafferctl", "top", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
