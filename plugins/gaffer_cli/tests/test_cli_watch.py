"""`gafferctl watch`, as a subprocess."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_testing.ticks import TICKS
from gaffer_testing.waiting import until

from .conftest import COMMANDS
from .line_reader import LineReader

NAP = JobConfig(name="nap", cmd="sleep 1000")


@pytest.fixture
def watch(environ, kernel, url):
    """Start `gafferctl watch`, subscribed on return: `watching = await watch("exit", "--json")`."""
    environ["GAFFER_ENDPOINT"] = url
    started = []

    async def start(*arguments, stdout=subprocess.PIPE, **variables):
        before = kernel.events.subscribers
        argv = [COMMANDS / "gafferctl", "watch", *arguments]
        started.append(LineReader(argv, env={**environ, **variables}, stdout=stdout))
        await until(lambda: kernel.events.subscribers > before)
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def api():
    """Open a kernel with its API: `async with api(bind="127.0.0.1:0") as kernel`."""

    @asynccontextmanager
    async def opened(bind="127.0.0.1:0"):
        config = Config()
        config.options["bind"] = bind
        async with open_kernel(config, plugins=[http_plugin, TICKS]) as kernel:
            yield kernel

    return opened


async def tick(kernel, *names):
    for name in names or ("tick",):
        kernel.events.publish(name, name="test")


async def test_watch_lines_say_what_the_console_says(kernel, watch):
    watching = await watch("proc.nap")
    job = kernel.manager.load(NAP)
    assert re.fullmatch(r"\d\d:\d\d:\d\d nap \| create nap", await watching.line())
    await job.settled()
    pid = job.processes[0].os_pid
    await watching.until(f"nap | spawn process with pid {pid}")
    job.stop()
    line = await watching.until(f"nap | exit process with pid {pid}: ")
    assert re.search(r": killed by SIGTERM after \d+\.\d s$", line)


async def test_watch_without_pattern_shows_each_event_once(kernel, watch):
    watching = await watch()
    job = kernel.manager.load(NAP, "night")
    lines = [await watching.line() for _ in range(3)]
    assert [line.partition(" ")[2] for line in lines] == [
        "night.nap | create night.nap",
        "night.nap | start night.nap",
        f"night.nap | spawn process with pid {job.processes[0].os_pid}",
    ]


async def test_watch_pattern_filters_events(kernel, watch):
    watching = await watch("create")
    for name in ("a", "b"):
        kernel.manager.load(JobConfig(name=name, cmd="sleep 1000"))
    assert (await watching.line()).endswith(" a | create a")
    assert (await watching.line()).endswith(" b | create b")


async def test_watch_long_shows_reasons(kernel, watch):
    watching = await watch("exit", "--long")
    kernel.manager.load(JobConfig(name="bad", cmd="sh -c 'sleep 1; exit 3'"))
    line = await watching.line()
    assert re.search(
        r" \| exit process with pid (\d+): exited with status 3 after 1\.\d s;"
        r" pid 1 \(\1\), exit_code 3, .*uptime 1\.",
        line,
    )


async def test_watch_json_prints_an_object_for_each_line(kernel, watch):
    watching = await watch("spawn", "--json", "--since", "0")
    kernel.manager.load(NAP)
    event = json.loads(await watching.line())
    assert (event["event"], event["name"], event["pid"]) == ("spawn", "nap", 1)
    again = await watch("--json", "--since", str(event["seq"] - 1))
    assert json.loads(await again.line()) == event


@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--colorize",), {"NO_COLOR": "1"}, True),
        (("--no-color",), {"FORCE_COLOR": "1"}, False),
    ],
)
async def test_watch_colours_follow_options(kernel, watch, arguments, variables, colored):
    watching = await watch("tick", *arguments, **variables)
    await tick(kernel)
    line = await watching.line()
    assert ("\x1b[" in line) == colored
    assert re.sub(r"\x1b\[\d+m", "", line).endswith(" test | tick test")


async def test_watch_escapes_control_characters(kernel, watch):
    watching = await watch("tick")
    kernel.events.publish("tick", name="a\x1b]0;title\x07\x1b[2Jb\rc")
    assert (await watching.line()).endswith(" ab\\x0dc | tick ab\\x0dc")


async def test_watch_shows_a_gap(kernel, watch):
    await tick(kernel, *["tick"] * 20_000)
    watching = await watch("--since", "1")
    assert re.search(r" gaffer \| gap: \d+ events are missing$", await watching.line())
    assert (await watching.line()).endswith(" test | tick test")


async def test_watch_reconnects_after_a_lost_connection(kernel, watch, url):
    kernel.config.options["bind"] = url.removeprefix("http://")
    watching = await watch("tick")
    await tick(kernel)
    await watching.line()
    await kernel.plugins.close("http")
    lost = await watching.line("stderr")
    assert re.fullmatch(f"gafferctl: {url}: connection lost: .*; trying again", lost)
    await tick(kernel, "tick", "tock")
    await kernel.plugins.open("http")
    assert (await watching.line()).endswith(" test | tick test")
    assert await watching.end() == (-signal.SIGINT, "")


async def test_watch_shows_a_restart_of_gafferd(api, environ):
    async with api() as kernel:
        url = kernel.services["http"].addresses[0]
        await tick(kernel, *["tick"] * 50)
        environ["GAFFER_ENDPOINT"] = url
        argv = [COMMANDS / "gafferctl", "watch", "tick", "--since", "0"]
        watching = LineReader(argv, env=environ)
        try:
            for _ in range(50):
                await watching.line()
            await kernel.plugins.close("http")
            async with api(bind=url.removeprefix("http://")) as other:
                await tick(other)
                line = await watching.line()
                assert line.endswith(" gaffer | gap: gafferd was restarted")
                assert (await watching.line()).endswith(" test | tick test")
        finally:
            watching.kill()


async def test_ctrl_c_ends_watch_quietly(kernel, watch):
    watching = await watch()
    assert await watching.end() == (-signal.SIGINT, "")


@pytest.mark.parametrize(
    ("pattern", "what"), [("web", "job"), ("shop.web", "job"), ("shop", "sess")]
)
async def test_watch_of_a_bare_job_name_suggests_the_pattern(kernel, ask, pattern, what):
    for session in ("default", "shop"):
        kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False), session)
    done = await ask("gafferctl", "watch", pattern)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"gafferctl: {pattern!r} is a {what}")
    assert done.stderr.endswith(f": use proc.{pattern}\n")


async def test_watch_exits_on_a_broken_pipe(kernel, watch):
    reader, writer = os.pipe()
    watching = await watch("tick", stdout=writer)
    os.close(writer)
    os.close(reader)
    await tick(kernel)
    status = await trio.to_thread.run_sync(watching.process.wait, 30)
    assert status == 141


@pytest.mark.parametrize(
    "arguments", [("--since", "-1"), ("--since", "x"), ("--heartbeat", "0"), ("a", "b")]
)
def test_wrong_usage_of_watch_is_one_line(command, arguments):
    done = command("gafferctl", "watch", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


async def test_invalid_pattern_is_one_line(ask, kernel):
    done = await ask("gafferctl", "watch", "proc.a b")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "'proc.a b'" in done.stderr


def test_watch_without_gafferd_is_one_line(command):
    done = command("gafferctl", "watch")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_watch_imports_neither_kernel_nor_trio():
    code = (
        "import sys; from gaffer_cli.programs import make_gafferctl, run;"
        "run(make_gafferctl(), ['watch', '--connect', 'unix:/nosuch']);"
        "print([name for name in ('gaffer_kernel', 'trio', 'rich', 'pluggy')"
        " if name in sys.modules])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
