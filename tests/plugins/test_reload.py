"""Plugins of folders that change while the kernel runs."""

import gc
import os
import shutil
import sys
import weakref
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from gaffer_kernel import Config, ConfigError, NotFound, Plugin, PluginError, open_kernel
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.importer import PREFIX
from gaffer_kernel.testing import FakeSystem, Recorder

CODE = """
from contextlib import asynccontextmanager
from gaffer_kernel.hookspecs import hookimpl
from .words import word

gaffer_requires = {requires}
opening = None

@hookimpl
def gaffer_process_env():
    return {{"WORD": word}}

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    if opening:
        raise ValueError(opening)
    yield word
"""


@asynccontextmanager
async def running(place, *plugins, config=None):
    """A kernel with the plugins of the folder."""
    found = Plugins()
    found.add_folder(place.path)
    for plugin in plugins:
        found.add(plugin)
    async with open_kernel(config, plugins=found, system=FakeSystem()) as kernel:
        yield kernel


@pytest.fixture
def write(place):
    """Write a plugin into the folder: `write(name, word)`."""

    def write(name, word, requires=(), more=""):
        place.write(f"{name}/__init__.py", CODE.format(requires=requires) + more)
        place.write(f"{name}/words.py", f"word = {word!r}\n")

    return write


def states(kernel):
    return {info.name: info.state for info in kernel.plugins.info()}


def error(kernel, name):
    return next(info.error for info in kernel.plugins.info() if info.name == name)


def modules():
    return {name for name in sys.modules if name.startswith(PREFIX)}


async def test_reload_runs_the_new_code(place, write, autojump_clock):
    write("ape", "old")
    others = modules()
    async with running(place) as kernel:
        before = modules() - others
        write("ape", "new")
        await kernel.plugins.reload("ape")
        assert kernel.services["ape"] == "new"
        assert kernel.plugins.call("gaffer_process_env", job=None, number=1) == [
            ("ape", {"WORD": "new"})
        ]
        assert len(modules() - others) == len(before)
        assert not modules() & before


async def test_code_of_the_same_size_and_time_is_new_code_too(place, write, autojump_clock):
    write("ape", "old")
    words = place.path / "ape" / "words.py"
    before = words.stat()
    async with running(place) as kernel:
        write("ape", "new")
        os.utime(words, ns=(before.st_atime_ns, before.st_mtime_ns))
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "new"
    assert not list(place.path.rglob("*.pyc"))


async def test_bytecode_that_somebody_left_is_not_used(place, write, autojump_clock):
    import py_compile

    write("ape", "old")
    words = place.path / "ape" / "words.py"
    before = words.stat()
    py_compile.compile(str(words))
    write("ape", "new")
    os.utime(words, ns=(before.st_atime_ns, before.st_mtime_ns))
    async with running(place) as kernel:
        assert kernel.services["ape"] == "new"


async def test_old_code_is_freed(place, write, autojump_clock):
    write("ape", "old")
    before = modules()
    async with running(place) as kernel:
        old = weakref.ref(sys.modules[min(modules() - before)])
        await kernel.plugins.reload("ape")
        gc.collect()
        assert old() is None


async def test_those_that_require_it_are_closed_first_and_opened_again(
    place, write, autojump_clock
):
    write("ape", "a")
    write("bee", "b", requires=("ape",))
    write("cow", "c")
    recorder = Recorder()
    async with running(place, recorder) as kernel:
        del recorder.events[:]
        await kernel.plugins.reload("ape")
        assert [(event.event, event.name) for event in recorder.events] == [
            ("plugin.closed", "bee"),
            ("plugin.closed", "ape"),
            ("plugin.opened", "ape"),
            ("plugin.opened", "bee"),
        ]


async def test_what_was_closed_stays_closed(place, write, autojump_clock):
    write("ape", "old")
    async with running(place) as kernel:
        await kernel.plugins.close("ape")
        write("ape", "new")
        await kernel.plugins.reload("ape")
        assert states(kernel) == {"ape": "closed"}
        await kernel.plugins.open("ape")
        assert kernel.services["ape"] == "new"


async def test_new_code_remedies_a_failure(place, write, autojump_clock):
    write("ape", "old")
    async with running(place) as kernel:
        await kernel.plugins.close("ape")
        write("ape", "bad", more="opening = 'oh'\n")
        await kernel.plugins.reload("ape")
        with pytest.raises(PluginError, match="did not start: ValueError: oh"):
            await kernel.plugins.open("ape")
        write("ape", "good")
        await kernel.plugins.reload("ape")
        assert kernel.services["ape"] == "good"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("x = (\n", "cannot be imported: SyntaxError: '(' was never closed (FILE:"),
        ("1 / 0\n", "cannot be imported: ZeroDivisionError"),
        ("gaffer_requires = ('absent',)\n", "requires absent, which is not installed"),
        ("gaffer_after = 7\n", "gaffer_after must be a tuple"),
        ("hookimpl(lambda: 1)\n@hookimpl\ndef gaffer_even(event): 1\n", "no hook is called"),
        ("@hookimpl\ndef gaffer_configure(config):\n    1 / 0\n", "gaffer_configure raised Zero"),
        ("opening = 'oh'\n", "did not start: ValueError: oh"),
    ],
)
@pytest.mark.parametrize("verb", ["reload", "rescan", "kernel"])
async def test_new_code_that_is_wrong_leaves_the_old_running(
    place, write, autojump_clock, more, words, verb
):
    write("ape", "old")
    write("bee", "b", requires=("ape",))
    async with running(place) as kernel:
        before = modules()
        write("ape", "new", more=more)
        change = {"kernel": kernel.reload, "rescan": kernel.plugins.rescan}.get(
            verb, partial(kernel.plugins.reload, "ape")
        )
        with pytest.raises(PluginError) as caught:
            await change()
        text = str(caught.value)
        assert text.startswith("plugin ape: ")
        assert words.replace("FILE", str(place.path / "ape" / "__init__.py")) in text
        assert states(kernel) == {"ape": "open", "bee": "open"}
        assert kernel.services["ape"] == "old"
        assert modules() == before
        write("ape", "good")
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "good"
        assert error(kernel, "ape") is None


async def test_a_configuration_that_new_code_does_not_own_leaves_the_old_running(
    place, write, autojump_clock
):
    write("ape", "old", more="@hookimpl\ndef gaffer_config_sections():\n    return ['ape']\n")
    async with running(place, config=Config.from_string("[ape]\nx = 1\n")) as kernel:
        write("ape", "new")
        with pytest.raises(ConfigError, match="unknown section"):
            await kernel.plugins.reload("ape")
        assert kernel.services["ape"] == "old"


async def test_folders_that_came_and_went(place, write, autojump_clock):
    write("ape", "a")
    write("bee", "b")
    async with running(place) as kernel:
        opened = kernel.plugins.services["bee"]
        (place.path / "ape").rename(place.path.parent / "away")
        write("cow", "c", requires=("bee",))
        place.write("site/_site/index.html")
        await kernel.plugins.rescan()
        assert states(kernel) == {"bee": "open", "cow": "open"}
        assert kernel.services == {"bee": opened, "cow": "c"}
        assert kernel.plugins.implementing("gaffer_process_env") == ["bee", "cow"]
        with pytest.raises(NotFound):
            await kernel.plugins.open("ape")


async def test_what_did_not_change_is_not_touched(place, write, autojump_clock):
    write("ape", "a")
    write("bee", "b")
    recorder = Recorder()
    async with running(place, recorder) as kernel:
        del recorder.events[:]
        place.write("ape/_site/index.html", "new")
        place.write("ape/.hidden", "new")
        await kernel.plugins.rescan()
        assert recorder.events == []
        write("bee", "new")
        await kernel.plugins.rescan()
        assert {event.name for event in recorder.events} == {"bee"}


async def test_one_that_others_require_cannot_go(place, write, autojump_clock):
    write("ape", "a")
    write("bee", "b", requires=("ape",))
    async with running(place) as kernel:
        (place.path / "ape").rename(place.path.parent / "away")
        with pytest.raises(PluginError, match="plugin bee: requires ape, which is not installed"):
            await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bee": "open"}


async def test_broken_newcomers_are_listed_and_all_named_at_once(place, write, autojump_clock):
    write("ape", "a")
    async with running(place) as kernel:
        place.write("bad/__init__.py", "x = (")
        place.write("worse/__init__.py", "1 / 0")
        with pytest.raises(PluginError, match=r"plugin bad: .*; plugin worse: .*"):
            await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bad": "failed", "worse": "failed"}
        assert "SyntaxError" in error(kernel, "bad")
        with pytest.raises(PluginError, match=r"plugin bad: .* cannot be imported: SyntaxError"):
            await kernel.plugins.open("bad")
        write("bad", "good")
        await kernel.plugins.reload("bad")
        assert kernel.services["bad"] == "good"
        (place.path / "worse" / "__init__.py").unlink()
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bad": "open"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("@hookimpl\ndef gaffer_addhooks(pluginmanager):\n    1 / 0\n", "cannot be added: Zero"),
        ("@hookimpl\ndef gaffer_configure(config):\n    1 / 0\n", "gaffer_configure raised Zero"),
        ("gaffer_requires = ('absent',)\n", "requires absent, which is not installed"),
        ("opening = 'oh'\n", "did not start: ValueError: oh"),
    ],
)
async def test_newcomers_that_are_wrong_after_their_import_are_listed(
    place, write, autojump_clock, more, words
):
    write("ape", "a")
    async with running(place) as kernel:
        write("bad", "b", more=more)
        for _ in range(2):
            with pytest.raises(PluginError, match=f"plugin bad: {words}"):
                await kernel.plugins.rescan()
            assert states(kernel) == {"bad": "failed", "ape": "open"}
            assert words in error(kernel, "bad")
        write("bad", "good")
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bad": "open"}
        assert error(kernel, "bad") is None


@pytest.mark.parametrize("name", ["ape", "new"])
async def test_the_list_tells_the_last_error(place, write, autojump_clock, name):
    write("ape", "a")
    async with running(place) as kernel:
        for more, words in [
            ("opening = 'first'\n", "ValueError: first"),
            ("opening = 'second'\n", "ValueError: second"),
            ("1 / 0\n", "ZeroDivisionError"),
            ("x = (\n", "SyntaxError"),
            ("gaffer_requires = ('absent',)\n", "requires absent"),
        ]:
            write(name, "b", more=more)
            with pytest.raises(PluginError, match=words):
                await kernel.plugins.rescan()
            assert words in error(kernel, name)


async def test_plugins_that_are_put_back_open_with_the_configuration_of_before(
    place, write, autojump_clock, tmp_path
):
    code = (
        "from contextlib import asynccontextmanager\n"
        "from gaffer_kernel.hookspecs import hookimpl\n"
        "@hookimpl\ndef gaffer_config_sections():\n    return ['ape']\n"
        "@hookimpl\n@asynccontextmanager\nasync def gaffer_service(kernel):\n"
        "    FAILS\n    yield kernel.config.section('ape').get('x')\n"
    )
    place.write("ape/__init__.py", code.replace("FAILS", "pass"))
    file = tmp_path / "gaffer.ini"
    file.write_text("[ape]\nx = old\n")
    async with running(place, config=Config.read(file)) as kernel:
        place.write("ape/__init__.py", code.replace("FAILS", "assert not kernel.reloading"))
        file.write_text("[ape]\nx = new\n")
        with pytest.raises(PluginError, match="plugin ape: did not start: AssertionError"):
            await kernel.reload()
        assert kernel.services["ape"] == "old"
        assert not kernel.reloading


async def test_a_newcomer_may_not_take_a_name(place, autojump_clock):
    class Ape:
        name = "ape"

        @hookimpl
        def gaffer_process_env(self):
            return {}

    place.write("README")
    async with running(place, Ape()) as kernel:
        place.write("ape/__init__.py", "raise AssertionError")
        with pytest.raises(PluginError, match="plugin ape: a plugin of this name is already there"):
            await kernel.plugins.rescan()
        assert kernel.plugins.implementing("gaffer_process_env") == ["ape"]


async def test_a_newcomer_that_others_can_write_is_refused_unless_that_is_allowed(
    place, write, autojump_clock
):
    for insecure in (False, True):
        found = Plugins()
        found.add_folder(place.path, insecure=insecure)
        async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
            write("ape", "a")
            (place.path / "ape" / "words.py").chmod(0o666)
            if insecure:
                await kernel.plugins.rescan()
                assert states(kernel) == {"ape": "open"}
            else:
                with pytest.raises(PluginError, match="is writable by other users"):
                    await kernel.plugins.rescan()
        for file in (place.path / "ape").iterdir():
            file.unlink()


async def test_a_disabled_one_is_left_alone(place, write, autojump_clock):
    place.write("ape/__init__.py", "raise AssertionError")
    found = Plugins()
    found.add_folder(place.path, disabled=["ape"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        place.write("ape/__init__.py", "raise AssertionError()")
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "disabled"}
        with pytest.raises(PluginError, match="plugin ape: is disabled"):
            await kernel.plugins.reload("ape")


async def test_a_disabled_folder_without_code_stays_so_until_it_goes(place, write, autojump_clock):
    write("ape", "a")
    place.write("site/_site/index.html")
    found = Plugins()
    found.add_folder(place.path, disabled=["site"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        assert states(kernel) == {"site": "disabled", "ape": "open"}
        place.write("site/__init__.py", "raise AssertionError")
        await kernel.plugins.rescan()
        assert states(kernel) == {"site": "disabled", "ape": "open"}
        (place.path / "site").rename(place.path.parent / "away")
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open"}


async def test_hooks_that_a_plugin_brings_come_and_go_with_it(place, autojump_clock):
    place.write(
        "ape/__init__.py",
        "from gaffer_kernel.hookspecs import hookimpl, hookspec\n"
        "class Hooks:\n    @hookspec\n    def gaffer_greeting(self): ...\n"
        "@hookimpl\ndef gaffer_addhooks(pluginmanager):\n"
        "    pluginmanager.add_hookspecs(Hooks)\n",
    )

    class Greeting:
        @hookimpl(optionalhook=True)
        def gaffer_greeting(self):
            return "hello"

    async with running(place, Greeting()) as kernel:
        await kernel.plugins.reload("ape")
        assert kernel.plugins.call("gaffer_greeting") == [("greeting", "hello")]
        (place.path / "ape" / "__init__.py").unlink()
        await kernel.plugins.rescan()
        with pytest.raises(LookupError):
            kernel.plugins.call("gaffer_greeting")


async def test_one_that_is_no_folder_is_closed_and_opened_again(place, autojump_clock):
    lives = []

    class Ape(Plugin):
        name = "ape"

        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            lives.append("+")
            yield
            lives.append("-")

    place.write("README")
    async with running(place, Ape()) as kernel:
        await kernel.plugins.reload("ape")
        assert lives == ["+", "-", "+"]


async def test_a_reload_that_nobody_waits_for_is_done_all_the_same(place, write, autojump_clock):
    write("ape", "old")
    async with running(place) as kernel:
        write(
            "ape",
            "new",
            more="import trio\n@hookimpl\n@asynccontextmanager\nasync def gaffer_service(kernel):\n"
            "    await trio.sleep(3)\n    yield word\n",
        )
        with trio.move_on_after(1):
            await kernel.plugins.reload("ape")
        assert states(kernel) == {"ape": "loaded"}
        await trio.sleep(5)
        assert kernel.services["ape"] == "new"


async def test_changes_come_one_after_the_other(place, write, autojump_clock):
    write("ape", "a")
    before = modules()
    async with running(place) as kernel:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                write("ape", str(number))
                nursery.start_soon(kernel.plugins.reload, "ape")
                nursery.start_soon(kernel.plugins.rescan)
                nursery.start_soon(kernel.plugins.close, "ape")
                nursery.start_soon(kernel.plugins.open, "ape")
        await kernel.plugins.open("ape")
        assert kernel.services["ape"] == "9"
        assert len(modules() - before) == 2


async def test_a_hundred_reloads_leave_nothing(place, write, autojump_clock):
    write("ape", "a")
    async with running(place) as kernel:
        await kernel.plugins.reload("ape")
        before = len(sys.modules), trio.lowlevel.current_statistics().tasks_living
        for _ in range(100):
            await kernel.plugins.reload("ape")
        assert (len(sys.modules), trio.lowlevel.current_statistics().tasks_living) == before


async def test_there_is_nothing_to_reload_without_a_kernel(place, write):
    write("ape", "a")
    plugins = place.load()
    with pytest.raises(PluginError, match="plugin ape: can be opened only while its kernel runs"):
        await plugins.reload("ape")
    with pytest.raises(NotFound):
        await plugins.reload("absent")


async def test_a_folder_that_need_not_be_there_is_taken_up_when_it_comes(
    place, write, autojump_clock
):
    found = Plugins()
    found.add_folder(place.path / "later", missing_ok=True)
    assert found.roots == (place.path / "later",)
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        await kernel.plugins.rescan()
        write("later/ape", "word")
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "word"
        shutil.rmtree(place.path / "later")
        await kernel.plugins.rescan()
        assert states(kernel) == {}


class Telling(Plugin):
    """Requires a plugin that changes, or does not."""

    def __init__(self, name, *mandatory):
        self.name, self.mandatory = name, mandatory
        self.calls = []

    def app(self, cfg):
        return self

    def start(self, loop, manager):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")

    def restart(self):
        self.calls.append("restart")


async def test_what_was_closed_and_started_for_another_is_not_restarted_on_top(
    place, write, autojump_clock
):
    write("ape", "old")
    closed, kept = Telling("closed", "ape"), Telling("kept")
    async with running(place, closed, kept) as kernel:
        write("ape", "new")
        await kernel.reload()
        await trio.testing.wait_all_tasks_blocked()
        assert closed.calls == ["start", "stop", "start"]
        assert kept.calls == ["start", "restart"]


class Worded(Plugin):
    """Remembers a word of the configuration."""

    name = "worded"
    word = None

    @hookimpl
    def gaffer_config_sections(self):
        return ["worded"]

    @hookimpl(tryfirst=True)
    def gaffer_configure(self, config):
        self.word = config.get("worded", "word")


class Picky(Plugin):
    name = "picky"

    @hookimpl
    def gaffer_configure(self, config):
        if config.get("worded", "word") == "bad":
            raise ConfigError("I do not like it")


async def test_what_a_plugin_took_from_a_refused_configuration_it_takes_back(
    place, tmp_path, autojump_clock
):
    file = tmp_path / "gaffer.ini"
    file.write_text("[worded]\nword = good\n")
    place.write("README")
    worded = Worded()
    async with running(place, worded, Picky(), config=Config.read(file)) as kernel:
        file.write_text("[worded]\nword = bad\n")
        with pytest.raises(ConfigError, match="I do not like it"):
            await kernel.reload()
        assert worded.word == "good"
        place.write("ape/__init__.py", "raise ValueError")
        file.write_text("[worded]\nword = better\n")
        with pytest.raises(PluginError):
            await kernel.reload()
        assert worded.word == "good"


async def test_a_disabled_plugin_that_goes_keeps_no_other_from_opening(
    place, write, autojump_clock
):
    write("ape", "word")
    write("bee", "word")
    found = Plugins()
    found.add_folder(place.path, ["bee"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        shutil.rmtree(place.path / "bee")
        await kernel.plugins.rescan()
        await kernel.plugins.close("ape")
        await kernel.plugins.open("ape")
        assert states(kernel) == {"ape": "open"}


SLOW = """
from contextlib import asynccontextmanager
import trio
from gaffer_kernel.hookspecs import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    yield
    await trio.sleep(1)
"""


@pytest.mark.parametrize("verb", ["open", "close", "reload"])
async def test_a_plugin_that_goes_while_somebody_waits_to_change_it_is_not_found(
    place, write, verb, autojump_clock
):
    write("ape", "word")
    place.write("bee/__init__.py", SLOW)
    async with running(place) as kernel, trio.open_nursery() as nursery:
        for name in ("ape", "bee"):
            shutil.rmtree(place.path / name)
        nursery.start_soon(kernel.plugins.rescan)
        await trio.testing.wait_all_tasks_blocked()
        assert states(kernel) == {"ape": "open", "bee": "open"}
        with pytest.raises(NotFound):
            await getattr(kernel.plugins, verb)("ape")
        assert states(kernel) == {}


async def test_a_change_that_fails_when_nobody_waits_for_it_any_more_is_said(
    place, write, autojump_clock, caplog
):
    place.write("ape/__init__.py", SLOW)
    async with running(place) as kernel:
        place.write(
            "ape/__init__.py", SLOW.replace("yield", "raise ValueError('no more')\n    yield")
        )
        with trio.move_on_after(0.5) as asking:
            await kernel.plugins.reload("ape")
        assert asking.cancelled_caught
        assert "no more" not in caplog.text
        await trio.sleep(5)
        assert states(kernel) == {"ape": "open"}
    assert "plugin ape: did not start: ValueError: no more" in caplog.text
