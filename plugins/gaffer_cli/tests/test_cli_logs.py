"""`gaffer logs`, as a long-running subprocess."""

import json
import math
import re
import signal
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_kernel.jobs.config import Flapping
from gaffer_testing.waiting import until

from .conftest import COMMANDS
from .line_reader import TIMEOUT

ONCE = Flapping(attempts=1, window=1, retry_in=1, max_retry=0)
"""Give up at the first crash."""
WRITES_HELLO = "echo hello from $0; exec sleep 1000"
"""A script that writes a line and keeps running."""


class Running:
    """A long-running command."""

    def __init__(self, process):
        self.process = process
        self.text = ""
        self._line = ""

    async def until(self, text):
        """Read until a text appears; return the output so far."""
        with trio.fail_after(TIMEOUT):
            while text not in self.text:
                more = await self.process.stdout.receive_some()
                assert more, (self.text[-2000:], await self.process.stderr.receive_some())
                whole, end, self._line = (self._line + more.decode()).rpartition("\n")
                # Names are padded, so that lines start in one column.
                self.text += re.sub(" +\\|", " |", whole + end)
        return self.text

    async def end(self, signal_):
        """Send a signal; return the exit status and standard error."""
        self.process.send_signal(signal_)
        status = await self.process.wait()
        return status, (await self.process.stderr.receive_some(100_000)).decode()


@pytest.fixture
def running(environ, tmp_path):
    """Run a command while a block runs."""

    @asynccontextmanager
    async def run(*argv, **more):
        argv = [COMMANDS / argv[0], *argv[1:]]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = await trio.lowlevel.open_process(
            argv, cwd=tmp_path, env={**environ, **more}, **pipes
        )
        try:
            yield Running(process)
        finally:
            process.kill()
            await process.wait()

    return run


@pytest.fixture
def logs(running, environ, url):
    """Run `gaffer logs` while a block runs."""
    environ["GAFFER_ENDPOINT"] = url
    return lambda *names, **more: running("gaffer", "logs", *names, **more)


def load(kernel, name, script=WRITES_HELLO, session="shop", **fields):
    fields = {"redirect_output": ("out", "err"), "shell": True, **fields}
    return kernel.manager.load(JobConfig(name=name, cmd=script, **fields), session)


def lines(text):
    """Return the lines without their times."""
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]


async def test_logs_prefixes_lines_with_time_and_name(kernel, logs):
    load(kernel, "web", "echo one; echo two >&2; exec sleep 1000")
    load(kernel, "worker", "echo three; exec sleep 1000", numprocesses=2)
    async with logs("shop") as running:
        for text in ("web.1 | one\n", "web.1 | two\n", "worker.1 | three\n", "worker.2 | three\n"):
            await running.until(text)
        assert all(re.fullmatch(r"\d\d:\d\d:\d\d \S+ \| \S+", x) for x in running.text.splitlines())


async def test_logs_follows_processes_started_later(kernel, logs):
    job = load(kernel, "web", "echo first; exec sleep 1000")
    async with logs("shop") as running:
        await running.until("web.1 | first")
        job.scale(2)
        await running.until("web.2 | first")
        load(kernel, "late", "echo late; exec sleep 1000")
        await running.until("late.1 | late")
        load(kernel, "web", "echo no; exec sleep 1000", session="other")
        load(kernel, "end", "echo end; exec sleep 1000")
        assert "no" not in await running.until("end.1 | end")


async def test_logs_shows_new_output_at_once(kernel, logs):
    job = load(kernel, "cat", "exec cat", redirect_input=True)
    await job.settled()
    [process] = job.processes
    async with logs("shop") as running:
        for text in ("one", "two", "three"):
            await process.write(f"{text}\n")
            await running.until(f"cat.1 | {text}\n")


@pytest.mark.parametrize("names", [("shop.web", "web"), ("shop/web", "default")])
async def test_logs_of_several_sessions_shows_full_names(kernel, logs, names):
    load(kernel, "web", "echo one; exec sleep 1000")
    load(kernel, "not", "echo not; exec sleep 1000")
    load(kernel, "web", "echo two; exec sleep 1000", session="default")
    async with logs(*names) as running:
        await running.until("shop.web.1 | one")
        assert "not" not in await running.until(" web.1 | two")


async def test_logs_no_follow_shows_stored_output(kernel, ask):
    for name in ("web", "worker"):
        job = load(kernel, name, "echo one; exec sleep 1000", numprocesses=2)
        await job.settled()
        logs = [process.outputs.logs["out"] for process in job.processes]
        await until(lambda logs=logs: all(log.end == 4 for log in logs))
    done = await ask("gaffer", "logs", "--no-follow", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    names = ["web.1", "web.2", "worker.1", "worker.2"]
    assert sorted(lines(done.stdout)) == [f"{name:<8} | one" for name in names]
    done = await ask("gaffer", "logs", "--no-follow", "shop.web", "--json")
    printed = [json.loads(line) for line in sorted(done.stdout.splitlines())]
    assert 0 < time.time() - printed[1].pop("time") < 60
    assert printed[1] == {"name": "web.2", "pid": 2, "stream": "out", "text": "one", "lost": 0}


@pytest.fixture
async def turns(kernel):
    """Two processes that have written lines in turn, read at times 10 s apart, a day ago."""
    jobs = [load(kernel, name, "exec cat", redirect_input=True) for name in ("one", "two")]
    for job in jobs:
        await job.settled()
    logs = [job.processes[0].outputs.logs["out"] for job in jobs]
    start = time.time() - 86_400
    for number in range(6):
        log = logs[number % 2]
        log.times.due = -math.inf
        log.times._wall = lambda at=start + 10 * number: at
        end = log.end + 2
        await jobs[number % 2].processes[0].write(f"{number}\n")
        await until(lambda log=log, end=end: log.end == end)
    return [time.strftime("%H:%M:%S", time.localtime(start + 10 * n)) for n in range(6)]


TURNS = [f"{name}.1 | {number}" for number, name in enumerate(["one", "two"] * 3)]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--no-follow"], 6),
        (["-n", "3"], 3),
        (["--lines=9"], 6),
        (["--tail", "1"], 1),
        (["-n0"], 0),
    ],
)
async def test_old_lines_are_merged_by_the_time_they_were_read(ask, turns, options, count):
    done = await ask("gaffer", "logs", *options, "shop")
    assert (done.returncode, done.stderr) == (0, "")
    expected = [f"{at} {line}" for at, line in zip(turns, TURNS, strict=True)]
    assert done.stdout.splitlines() == expected[6 - count :]


async def test_follow_merges_old_lines_and_goes_on(kernel, logs, turns):
    async with logs("shop", "-f", "-n", "4") as running:
        await running.until(TURNS[-1])
        await kernel.manager.get("shop.one").processes[0].write("new\n")
        text = await running.until("one.1 | new\n")
    assert lines(text) == [*TURNS[2:], "one.1 | new"]


async def test_follow_without_old_lines(kernel, logs, turns):
    job = kernel.manager.get("shop.one")
    log = job.processes[0].outputs.logs["out"]
    async with logs("shop", "--follow", "-n", "0") as running:
        await until(lambda: log.readers > 0)
        await job.processes[0].write("new\n")
        assert lines(await running.until("one.1 | new\n")) == ["one.1 | new"]
        # The first lines of a process that starts now are new as well.
        load(kernel, "late", "echo late; exec sleep 1000")
        await running.until("late.1 | late\n")


async def test_follow_is_not_the_procfile_after_the_verb(kernel, ask, tmp_path):
    (tmp_path / "other").mkdir()
    job = load(kernel, "web", session="other")
    await job.settled()
    log = job.processes[0].outputs.logs["out"]
    await until(lambda: log.end)
    for arguments in (
        ("-f", "other/Procfile", "logs", "-n", "5"),
        ("logs", "--procfile", "other/Procfile", "-n", "5"),
    ):
        assert "hello" in (await ask("gaffer", *arguments)).stdout
    done = await ask("gaffer", "logs", "-f", "--no-follow")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


WHY = "echo why >&2; exit 3"
"""A script that crashes at once."""


async def test_logs_shows_the_output_of_an_immediate_crash(kernel, logs):
    load(kernel, "web", WRITES_HELLO)
    async with logs("shop") as running:
        await running.until("hello")
        load(kernel, "crash", WHY, redirect_output=("out", "err"), flapping=ONCE)
        await running.until("crash.1 | why")


async def test_logs_shows_the_output_of_an_earlier_crash(kernel, ask, logs):
    job = load(kernel, "crash", WHY, redirect_output=("out", "err"), flapping=ONCE)
    await until(lambda: job.status()["flapping"]["gave_up"])
    done = await ask("gaffer", "logs", "--no-follow", "shop")
    assert (lines(done.stdout), done.stderr) == (["crash.1 | why"], "")
    async with logs("shop") as running:
        await running.until("crash.1 | why")
        # Stored output is shown once, whatever follows.
        load(kernel, "web", WRITES_HELLO)
        assert (await running.until("hello")).count("why") == 1


async def test_logs_reports_missing_redirect_output_once(kernel, ask):
    await load(kernel, "web", "sleep 1000", redirect_output=(), numprocesses=2).settled()
    done = await ask("gaffer", "logs", "--no-follow", "shop")
    assert (done.returncode, done.stdout) == (0, "")
    message = "gaffer: shop.web: its output is not read: its redirect_output is empty\n"
    assert done.stderr == message


@pytest.mark.parametrize(
    ("names", "status", "message"),
    [
        (["nosuch"], 1, "no application or job 'nosuch' in "),
        (["shop.nosuch"], 1, "no job 'shop.nosuch' in "),
        (["shop", "a b"], 2, "'a b' is not a job name"),
    ],
)
async def test_logs_of_an_unknown_name_is_one_line(kernel, ask, names, status, message):
    load(kernel, "web", start=False)
    done = await ask("gaffer", "logs", *names)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"gaffer: {message}")
    assert done.stderr.count("\n") == 1


async def test_logs_removes_control_characters(kernel, logs):
    load(kernel, "web", r"printf 'a\033[2Jb\033[31mc\a\n'; exec sleep 1000")
    async with logs("shop") as running:
        await running.until("web.1 | abc\\x07\n")
    async with logs("shop", FORCE_COLOR="1") as running:
        assert "\x1b[36m" in await running.until("ab\x1b[31mc\\x07\x1b[0m\n")


async def test_ctrl_c_ends_logs_without_a_message(kernel, logs):
    load(kernel, "web")
    async with logs("shop") as running:
        await running.until("hello")
        status, message = await running.end(signal.SIGINT)
        assert status == -signal.SIGINT
        assert message.strip() == ""


async def test_logs_exits_on_a_broken_pipe(kernel, environ, url, tmp_path):
    environ["GAFFER_ENDPOINT"] = url
    load(kernel, "web", "while echo tick; do sleep 0.05; done")
    script = f"{COMMANDS}/gaffer logs shop | head -n 2; echo ${{PIPESTATUS[0]}}"
    argv = ["bash", "-c", script]
    done = await trio.run_process(argv, capture_stdout=True, cwd=tmp_path, env=environ)
    assert lines(done.stdout.decode()) == ["web.1 | tick", "web.1 | tick", "141"]


async def test_logs_reports_dropped_bytes_of_a_slow_reader(kernel, logs):
    # Few and long lines, because many short ones would slow down the command.
    script = "read go; yes $(printf %01000d 0) | head -n 25000; echo end; exec sleep 1000"
    job = load(kernel, "web", script, redirect_input=True)
    await job.settled()
    [process] = job.processes
    log = process.outputs.logs["out"]
    async with logs("shop") as running:
        await until(lambda: log.readers > 0)
        await process.write("go\n")
        await until(lambda: log.end > 25_000_000)
        text = await running.until("web.1 | end\n")
        assert re.search(r"web\.1 \| \.\.\. \d+ bytes dropped\n", text)


class TestLostConnections:
    """`gaffer logs` continues after a restart of gafferd or its API."""

    @pytest.fixture
    def path(self):
        """A path short enough for a unix socket, for any test name."""
        with tempfile.TemporaryDirectory(prefix="g") as folder:
            yield Path(folder) / "socket"

    @pytest.fixture
    def logs(self, running, path):
        return lambda: running("gaffer", "logs", "shop", "--connect", f"unix:{path}")

    @pytest.fixture
    def gafferd(self, path):
        @asynccontextmanager
        async def gafferd():
            config = Config()
            config.options["bind"] = f"unix:{path}"
            async with open_kernel(config, plugins=[http_plugin]) as kernel:
                yield kernel

        return gafferd

    async def test_logs_continues_after_a_restart_of_the_api(self, gafferd, logs):
        async with gafferd() as kernel, logs() as running:
            job = load(kernel, "cat", "exec cat", redirect_input=True)
            await job.settled()
            [process] = job.processes
            await process.write("before\n")
            await running.until("cat.1 | before\n")
            await kernel.plugins.close("http")
            await process.write("meanwhile\n")
            job.scale(1)
            await job.settled()
            await kernel.plugins.open("http")
            log = process.outputs.logs["out"]
            await until(lambda: log.readers > 0)
            await process.write("after\n")
            text = await running.until("cat.1 | after\n")
            assert "cat.1 | ... the connection was lost, output may be missing\n" in text
            assert b"; trying again\n" in await running.process.stderr.receive_some()
            second = job.processes[1]
            await until(lambda: second.outputs.logs["out"].readers > 0)
            await second.write("second\n")
            await running.until("cat.2 | second\n")

    @pytest.mark.parametrize("had_event", [True, False])
    async def test_logs_continues_after_a_restart_of_gafferd(self, gafferd, logs, had_event):
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(gafferd())
            job = load(first, "old", "echo old; exec sleep 1000")
            async with logs() as running:
                await running.until("old.1 | old\n")
                if had_event:
                    job.scale(1)
                    await running.until("old.2 | old\n")
                await stack.aclose()
                async with gafferd() as second:
                    load(second, "new", "echo new; exec sleep 1000")
                    await running.until("new.1 | new\n")
                    load(second, "more", "echo more; exec sleep 1000")
                    await running.until("more.1 | more\n")
                assert running.text.count("new.1") == 1


async def test_logs_limits_the_followed_processes(kernel, running, environ, url):
    environ["GAFFER_ENDPOINT"] = url
    for name in ("a", "b", "c"):
        load(kernel, name, f"echo hello from {name}; exec sleep 1000")
    code = (
        "from gaffer_cli.output import multi_follow; from gaffer_cli.programs import gaffer;"
        "multi_follow.MAX_FOLLOWED = 2; gaffer()"
    )
    async with running("python", "-c", code, "logs", "shop") as followed:
        await followed.until("from a\n")
        await followed.until("from b\n")
        kernel.manager.unload("shop.a")
        await followed.until("from c\n")
        _, message = await followed.end(signal.SIGINT)
    assert message.count("gaffer: only 2 processes are followed at a time\n") == 1
