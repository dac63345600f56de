"""The console in a running kernel, with fake processes and with real ones."""

import io
import os
import re
from types import SimpleNamespace

import pytest
import trio
from gaffer_kernel import Config, JobConfig, hookimpl, open_kernel
from gaffer_kernel.processes import output as streams
from gaffer_kernel.testing import FakeSystem, Recorder

from gaffer_console import ConsoleOutput, console, printer
from gaffer_console.plugin import plugin as console_plugin

LINE = re.compile(r"\d\d:\d\d:\d\d (\S+) \| (.*)")


class Terminal(io.StringIO):
    """A fake of standard output."""

    is_terminal = False

    def isatty(self):
        return self.is_terminal

    @property
    def lines(self):
        """Name and text of each line, without the uptime of a process, which varies."""
        shown = re.sub(r" after \d+\.\d s\n", "\n", self.getvalue())
        return [LINE.fullmatch(line).groups() for line in shown.splitlines()]

    def texts(self, name):
        return [text for at, text in self.lines if at == name]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def use(monkeypatch):
    """Replace the standard output of the console: `use(stream)`.

    Only that of the console, because pytest restores its own sys.stdout before the test.
    """
    return lambda stream: monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=stream))


@pytest.fixture
def terminal(use):
    terminal = Terminal()
    use(terminal)
    return terminal


def job(name="web", cmd="serve", **more):
    return JobConfig(name=name, cmd=cmd, redirect_output=["out", "err"], **more)


async def spawned(recorder, **wanted):
    with trio.fail_after(10):
        return await recorder.wait_for("spawn", **wanted)


def get_fake(system, event):
    return system.processes[event.data["os_pid"]]


async def test_console_prints_events_and_output_in_order(terminal):
    system, recorder = FakeSystem(), Recorder()
    async with open_kernel(plugins=[ConsoleOutput(), recorder], system=system) as kernel:
        kernel.manager.load(job(graceful_timeout=5))
        process = get_fake(system, await spawned(recorder))
        process.emit("hello\nwor")
        process.emit("oh\n", "err")
        process.emit("ld\nhalf")
        await trio.testing.wait_all_tasks_blocked()
    assert terminal.lines == [
        ("web", "start web"),
        ("web", "spawn process with pid 1000"),
        ("web", "hello"),
        ("web", "world"),
        ("web", "oh"),
        ("web", "stop web"),
        ("web", "stop_pid process with pid 1000: gaffer is shutting down"),
        ("web", "half"),
        ("web", "exit process with pid 1000: killed by SIGTERM"),
    ]


async def test_default_actions_are_those_of_the_seed(terminal):
    assert ConsoleOutput.DEFAULT_ACTIONS == ["start", "stop", "spawn", "reap", "exit", "stop_pid"]
    assert ConsoleOutput().actions == frozenset(ConsoleOutput.DEFAULT_ACTIONS)


async def test_actions_select_the_printed_events(terminal):
    system, recorder = FakeSystem(), Recorder()
    plugins = [ConsoleOutput(actions=["create", "exit"], output_streams=False), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job(), "shop")
        get_fake(system, await spawned(recorder)).emit("not shown\n")
    assert terminal.lines == [
        ("shop.web", "create shop.web"),
        ("shop.web", "exit process with pid 1000: killed by SIGTERM"),
    ]


async def test_output_of_an_immediate_exit_is_printed(terminal):
    system, recorder = FakeSystem(), Recorder()
    much = [f"line {number}" for number in range(20_000)]

    class Hasty:
        @hookimpl
        def gaffer_event(self, event):
            if event.event == "spawn":
                get_fake(system, event).emit("\n".join(much))
                get_fake(system, event).exit()

    plugins = [ConsoleOutput(actions=["exit"]), Hasty(), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job(numprocesses=0)).commit()
        with trio.fail_after(10):
            await recorder.wait_for("exit")
    assert terminal.texts("web") == [*much, "exit process with pid 1000: exited with status 0"]


async def test_lost_output_is_counted(terminal, monkeypatch):
    monkeypatch.setattr(streams, "WINDOW", 1000)
    system, recorder = FakeSystem(), Recorder()
    plugins = [ConsoleOutput(actions=()), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job())
        process = get_fake(system, await spawned(recorder))
        process.emit("begin")
        await trio.testing.wait_all_tasks_blocked()
        process.emit("x" * 999 + "\n" + "y" * 999 + "\n")
    assert terminal.texts("web") == ["begin", "... 1000 bytes dropped", "y" * 999]


async def test_extra_streams_are_not_printed(terminal):
    system, recorder = FakeSystem(), Recorder()
    plugins = [ConsoleOutput(actions=()), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job(custom_streams=["control"]))
        process = get_fake(system, await spawned(recorder))
        process.emit(b"\x00\x01\n", "control")
        process.emit("shown\n")
    assert terminal.lines == [("web", "shown")]


async def test_numbers_replace_the_session_in_names(terminal):
    system, recorder = FakeSystem(), Recorder()
    early, late = ConsoleOutput(numbers=True, width=7), ConsoleOutput(numbers=True, width=7)
    late.name = "late"
    async with open_kernel(plugins=[early, late, recorder], system=system) as kernel:
        await kernel.plugins.close("late")
        web = kernel.manager.load(job(numprocesses=2), "shop")
        await web.settled()
        await kernel.plugins.close("console")
        await kernel.plugins.open("late")
        for fake in list(system.processes.values()):
            fake.emit("hello\n")
        late.print_line("that is all")
    late.print_line("not shown")
    text = re.sub(r"\d\d:\d\d:\d\d", "T", terminal.getvalue())
    assert sorted(re.sub(r" after .*", "", line) for line in text.splitlines()) == [
        "T gaffer  | that is all",
        "T web     | start shop.web",
        "T web     | stop shop.web",
        "T web.1   | exit process with pid 1000: killed by SIGTERM",
        "T web.1   | hello",
        "T web.1   | spawn process with pid 1000",
        "T web.1   | stop_pid process with pid 1000: gaffer is shutting down",
        "T web.2   | exit process with pid 1001: killed by SIGTERM",
        "T web.2   | hello",
        "T web.2   | spawn process with pid 1001",
        "T web.2   | stop_pid process with pid 1001: gaffer is shutting down",
    ]


async def test_terminal_gets_a_colour_for_each_job(terminal):
    terminal.is_terminal = True
    system = FakeSystem()
    plugins = [ConsoleOutput(actions=["start", "stop"])]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job("web"))
        kernel.manager.load(job("db"))
    text = re.sub(r"\d\d:\d\d:\d\d", "T", terminal.getvalue())
    web, db = "\x1b[36mT web |\x1b[0m", "\x1b[33mT db |\x1b[0m"
    assert text.splitlines() == [
        f"{web} start web",
        f"{db} start db",
        f"{web} stop web",
        f"{db} stop db",
    ]


@pytest.mark.parametrize("why", ["asked", "environment", "no terminal"])
async def test_output_without_colours_has_no_escape_codes(terminal, monkeypatch, why):
    terminal.is_terminal = why != "no terminal"
    if why == "environment":
        monkeypatch.setenv("NO_COLOR", "1")
    system, recorder = FakeSystem(), Recorder()
    plugins = [ConsoleOutput(colorize=why != "asked"), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        kernel.manager.load(job())
        get_fake(system, await spawned(recorder)).emit("\x1b[31mred\x1b[0m\n")
    assert "\x1b" not in terminal.getvalue()
    assert ("web", "red") in terminal.lines


async def test_closed_console_is_silent_until_opened_again(terminal):
    system, recorder = FakeSystem(), Recorder()
    plugins = [ConsoleOutput(actions=["update"]), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        web = kernel.manager.load(job())
        process = get_fake(system, await spawned(recorder))
        process.emit("1\nhalf")
        await kernel.plugins.close("console")
        process.emit("2\n")
        web.scale("=1")
        await kernel.plugins.open("console")
        web.scale("=1")
        process.emit("3\n")
    assert terminal.lines == [("web", "1"), ("web", "half"), ("web", "update web"), ("web", "3")]


@pytest.mark.parametrize("closed", [False, True])
async def test_console_without_standard_output_is_silent(use, terminal, closed):
    use(terminal if closed else None)
    terminal.close()
    async with open_kernel(plugins=[ConsoleOutput()], system=FakeSystem()) as kernel:
        kernel.manager.load(job())


# The console of gafferd


@pytest.mark.parametrize(
    ("verbose", "expected"),
    [
        (None, []),
        (0, []),
        (1, ["start web", "spawn process with pid 1000"]),
        (2, ["start web", "spawn process with pid 1000", "hello"]),
        (3, ["start web", "spawn process with pid 1000", "hello"]),
    ],
)
async def test_verbose_option_selects_events_and_output(terminal, verbose, expected):
    system, recorder = FakeSystem(), Recorder()
    config = Config()
    if verbose is not None:
        config.options["verbose"] = verbose
    plugins = [console_plugin(), recorder]
    async with open_kernel(config, plugins=plugins, system=system) as kernel:
        assert kernel.plugins.names()[0] == "console"
        kernel.manager.load(job())
        get_fake(system, await spawned(recorder)).emit("hello\n")
        await trio.testing.wait_all_tasks_blocked()
    assert terminal.texts("web")[: len(expected)] == expected
    assert bool(terminal.lines) is bool(expected)


async def test_consoles_of_two_kernels_are_independent(terminal):
    config = Config()
    config.options["verbose"] = 1
    async with (
        open_kernel(config, plugins=[console_plugin()], system=FakeSystem()) as one,
        open_kernel(config, plugins=[console_plugin()], system=FakeSystem()) as two,
    ):
        one.manager.load(job("one"))
        two.manager.load(job("two"))
    assert terminal.texts("one").count("start one") == 1
    assert terminal.texts("two").count("start two") == 1


async def test_v_shows_spawn_errors_and_flapping(terminal):
    config, recorder = Config(), Recorder()
    config.options["verbose"] = 1
    async with open_kernel(config, plugins=[console_plugin(), recorder]) as kernel:
        rule = {"attempts": 2, "window": 5.0, "retry_in": 60.0, "max_retry": 3}
        kernel.manager.load(
            JobConfig.from_dict({"name": "web", "cmd": "no-such-program", "flapping": rule})
        )
        with trio.fail_after(10):
            await recorder.wait_for("flap")
    texts = terminal.texts("web")
    assert [text for text in texts if text.startswith("spawn_error web: ")]
    assert "no-such-program" in texts[1]
    assert "flap web: starts again in 60 s" in texts


# With real processes


async def test_output_during_shutdown_is_printed(terminal):
    recorder = Recorder()
    script = 'trap "printf bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    async with open_kernel(plugins=[ConsoleOutput(), recorder]) as kernel:
        kernel.manager.load(job(cmd="sh", args=["-c", script]))
        os_pid = (await spawned(recorder)).data["os_pid"]
        process = next(kernel.manager.walk())
        with trio.fail_after(10):
            async with process.subscribe(tail=True) as news:
                await news.receive()
    assert terminal.texts("web")[-2:] == [
        "bye",
        f"exit process with pid {os_pid}: exited with status 0",
    ]
    assert ("web", "ready") in terminal.lines


async def test_short_lived_processes_lose_no_output(terminal):
    recorder = Recorder()
    async with open_kernel(plugins=[ConsoleOutput(actions=()), recorder]) as kernel:
        web = kernel.manager.load(job(cmd="seq", args=["3000"], numprocesses=0))
        with trio.fail_after(30):
            for _ in range(20):
                await recorder.wait_for("exit", pid=web.commit())
    texts = terminal.texts("web")
    assert texts == [str(number) for number in range(1, 3001)] * 20


LOUD = "seq 300000"


async def test_lossless_processes_wait_for_a_slow_terminal(use):
    reader, writer = os.pipe()
    recorder, read = Recorder(), bytearray()
    console = ConsoleOutput(actions=(), lossless=True)

    async def read_slowly():
        await trio.sleep(0.5)
        while data := await trio.to_thread.run_sync(os.read, reader, 65536):
            read.extend(data)

    async with trio.open_nursery() as nursery:
        with os.fdopen(writer, "w") as slow:
            use(slow)
            nursery.start_soon(read_slowly)
            async with open_kernel(plugins=[console, recorder]) as kernel:
                for name in ("a", "b", "c"):
                    kernel.manager.load(job(name, LOUD, numprocesses=0)).commit()
                with trio.fail_after(60):
                    for name in ("a", "b", "c"):
                        await recorder.wait_for("exit", name=name)
                    await console.wait_printed()
    os.close(reader)
    lines = [LINE.fullmatch(line).groups() for line in read.decode().splitlines()]
    for name in ("a", "b", "c"):
        found = [text for at, text in lines if at == name]
        assert found == [str(number) for number in range(1, 300_001)]


async def test_lossless_stalled_terminal_does_not_block_shutdown(use, monkeypatch):
    monkeypatch.setattr(printer, "FLUSH_TIMEOUT", 0.2)
    reader, writer = os.pipe()
    recorder = Recorder()
    with os.fdopen(writer, "w") as stalled, os.fdopen(reader, "rb"):
        use(stalled)
        console = ConsoleOutput(lossless=True)
        with trio.fail_after(20):
            async with open_kernel(plugins=[console, recorder]) as kernel:
                flood = kernel.manager.load(job(cmd="yes"))
                await spawned(recorder, name="web")
                [process] = flood.processes
                log = process.outputs.logs["out"]
                seen = -1
                while seen != log.end:
                    seen = log.end
                    await trio.sleep(0.2)


async def test_wait_printed_ends_on_a_broken_pipe(use):
    reader, writer = os.pipe()
    gone = []
    with os.fdopen(writer, "w") as stalled:
        use(stalled)
        console = ConsoleOutput(lossless=True, on_broken=gone.append)
        async with open_kernel(plugins=[console]) as kernel:
            kernel.manager.load(job(cmd="yes"))
            await trio.sleep(0.2)
            os.close(reader)
            with trio.fail_after(10):
                await console.wait_printed()
                while not gone:
                    await trio.sleep(0.01)
    await console.wait_printed()


async def test_stalled_terminal_blocks_no_process(use, monkeypatch):
    monkeypatch.setattr(printer, "FLUSH_TIMEOUT", 0.2)
    reader, writer = os.pipe()
    recorder = Recorder()
    with os.fdopen(writer, "w") as stalled, os.fdopen(reader, "rb"):
        use(stalled)
        with trio.fail_after(20):
            async with open_kernel(plugins=[ConsoleOutput(), recorder]) as kernel:
                flood = kernel.manager.load(job(cmd="yes"))
                await spawned(recorder, name="web")
                echo = kernel.manager.load(job("echo", "true", numprocesses=0))
                await recorder.wait_for("exit", pid=echo.commit())
                kernel.manager.unload(flood.name)
                await flood.gone.wait()


async def test_broken_pipe_stops_no_process(use, caplog):
    reader, writer = os.pipe()
    os.close(reader)
    recorder = Recorder()
    with os.fdopen(writer, "w") as closed:
        use(closed)
        async with open_kernel(plugins=[ConsoleOutput(), recorder]) as kernel:
            web = kernel.manager.load(job(cmd="echo", args=["hi"], numprocesses=0))
            for _ in range(3):
                with trio.fail_after(10):
                    await recorder.wait_for("exit", pid=web.commit())
            assert kernel.plugins.info()[0].state == "open"
    assert len(caplog.records) == 1
