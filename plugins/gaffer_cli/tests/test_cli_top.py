"""`gafferctl top`, as a program on a terminal of its own."""

import json
import signal

import pytest
from gaffer_kernel import JobConfig
from gaffer_kernel.jobs.config import Flapping
from tests.waiting import until

from .conftest import COMMANDS
from .pseudo import Pseudo

ENTER, LEAVE, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


@pytest.fixture
def top(environ, url):
    """Start it: `showing = top("--sort", "cpu", width=80)`."""
    started = []

    def start(*arguments, variables=None, **size):
        argv = [COMMANDS / "gafferctl", "top", *arguments]
        env = {**environ, "TERM": "xterm", "GAFFER_ENDPOINT": url, **(variables or {})}
        started.append(Pseudo(argv, env=env, **size))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
async def jobs(kernel):
    """Two jobs; the second one talks."""
    nap = kernel.manager.load(JobConfig(name="nap", cmd="sleep 1000", numprocesses=2))
    await nap.settled()
    talk = "sh -c 'echo first words; while read -r line; do echo got $$line; done'"
    talking = kernel.manager.load(
        JobConfig(name="talk", cmd=talk, redirect_output=["out"], redirect_input=True), "night"
    )
    await talking.settled()
    return kernel.manager


def restored(showing):
    """Whether the terminal is as it was."""
    last = showing.raw[showing.raw.rindex(ENTER) :]
    return LEAVE in last and SHOW_CURSOR in last


async def test_jobs_and_what_the_chosen_one_writes_are_shown(jobs, top):
    showing = top()
    await showing.until("2 jobs, 3 processes, cpu ")
    await showing.until("night.talk")
    await showing.until("(no output of this process is redirected)")
    showing.type("j")
    await showing.until("-- night.talk: active -")
    await showing.until("first words")
    await jobs.process(3).write(b"hello\n")
    await showing.until("got hello")
    showing.type("q")
    assert await showing.ended() == 0
    assert restored(showing)
    assert showing.settings == showing.before


@pytest.mark.parametrize("key", ["\x03", "INT"])
async def test_ctrl_c_ends_it_and_the_terminal_is_as_before(jobs, top, key):
    showing = top()
    await showing.until("2 jobs")
    if key == "INT":
        showing.process.send_signal(signal.SIGINT)
    else:
        showing.type(key)
    assert await showing.ended() == 130
    assert restored(showing)
    assert showing.settings == showing.before
    assert "Traceback" not in showing.text


async def test_a_signal_ends_it_and_the_terminal_is_as_before(jobs, top):
    showing = top()
    await showing.until("2 jobs")
    showing.process.send_signal(signal.SIGTERM)
    assert await showing.ended() == 128 + signal.SIGTERM
    assert restored(showing)
    assert showing.settings == showing.before


async def test_a_terminal_that_is_gone_ends_it(jobs, top):
    showing = top()
    await showing.until("2 jobs")
    showing.hang_up()
    # Of two ways it hears of it, the signal may come last. Shells make the same of both.
    assert await showing.ended() in (128 + signal.SIGHUP, -signal.SIGHUP)


async def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(jobs, environ, url):
    variables = {"TERM": "xterm", "PS1": "$ ", "GAFFER_ENDPOINT": url}
    shell = Pseudo(["bash", "--noprofile", "--norc", "-i"], env={**environ, **variables})
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


async def test_another_size_of_the_window_is_taken(jobs, top):
    # Shells that export these do not tell of a change.
    showing = top(variables={"COLUMNS": "80", "LINES": "24"}, width=80, height=24)
    await showing.until("2 jobs, 3 processes")
    showing.resize(24, 5)
    showing.process.send_signal(signal.SIGWINCH)
    await showing.until("q quit  j/k choose  c …")
    showing.type("q")
    assert await showing.ended() == 0


async def test_a_gafferd_that_is_away_is_waited_for(kernel, jobs, top, url):
    kernel.config.options["bind"] = url.removeprefix("http://")
    showing = top("--interval", "0.25")
    await showing.until("2 jobs")
    await kernel.plugins.close("http")
    await showing.until("waiting for gafferd: ")
    kernel.manager.load(JobConfig(name="new", cmd="sleep 1000"))
    await kernel.plugins.open("http")
    await showing.until("3 jobs")
    showing.type("jj")
    await showing.until("first words")
    showing.type("q")
    assert await showing.ended() == 0
    assert restored(showing)
    assert showing.settings == showing.before


async def test_a_process_that_is_started_anew_is_listened_to(kernel, jobs, top):
    showing = top("--interval", "0.25")
    await showing.until("2 jobs")
    showing.type("j")
    await showing.until("first words")
    jobs.process(3).kill(signal.SIGKILL)
    await showing.until(f"{'first words':80}\r\nfirst words ")
    showing.type("q")
    assert await showing.ended() == 0


async def test_the_last_words_of_a_job_that_is_given_up_were_not_shown(kernel, jobs, top):
    once = Flapping(attempts=1, window=1, retry_in=1, max_retry=0)
    crash = JobConfig(
        name="zcrash", cmd="sh -c 'echo why; exit 3'", redirect_output=["out"], flapping=once
    )
    job = kernel.manager.load(crash)
    await until(lambda: job.status()["flapping"]["gave_up"])
    showing = top("--interval", "0.25")
    await showing.until("3 jobs")
    showing.type("jj")
    await showing.until("-- zcrash: ")
    await showing.until("why")
    showing.type("q")
    assert await showing.ended() == 0


async def test_there_are_no_numbers_where_nobody_measures(kernel, jobs, ask):
    await kernel.plugins.close("stats")
    done = await ask("gafferctl", "top")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["NAME", "STATE", "RUN/WANT", "CPU%", "MEM", "RESTARTS", "PIDS"],
        ["nap", "active", "2/2", "-", "-", "0", "1,2"],
        ["night.talk", "active", "1/1", "-", "-", "0", "3"],
    ]


async def test_all_is_told_once_as_json(kernel, jobs, ask):
    done = await ask("gafferctl", "top", "--json")
    nap, talk = json.loads(done.stdout)
    assert (nap["name"], nap["pids"], nap["restarts"]) == ("nap", [1, 2], 0)
    assert nap["cpu"] >= 0
    assert talk["mem"] > 0


async def test_a_dumb_terminal_gets_a_table(jobs, top):
    showing = top(variables={"TERM": "dumb"})
    assert await showing.ended() == 0
    assert "\x1b" not in showing.raw
    assert showing.raw.count("\r\n") == 3


async def test_no_gafferd_is_one_line(kernel, top):
    showing = top("--connect", "unix:/nosuch")
    assert await showing.ended() == 4
    assert showing.raw.count("\r\n") == 1
    assert ENTER not in showing.raw


@pytest.mark.parametrize("arguments", [("--sort", "pid"), ("--interval", "0"), ("web",)])
def test_wrong_usage_of_top_is_one_line(command, arguments):
    done = command("gafferctl", "top", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
