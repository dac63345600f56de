"""Folder plugins that change while the kernel runs."""

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
async def running(folder, *plugins, config=None):
    """A kernel with the plugins of the folder."""
    found = Plugins()
    found.add_folder(folder.path)
    for plugin in plugins:
        found.add(plugin)
    async with open_kernel(config, plugins=found, system=FakeSystem()) as kernel:
        yield kernel


@pytest.fixture
def write(folder):
    """Write a plugin into the folder: `write(name, word)`."""

    def write(name, word, requires=(), more=""):
        folder.write(f"{name}/__init__.py", CODE.format(requires=requires) + more)
        folder.write(f"{name}/words.py", f"word = {word!r}\n")

    return write


def states(kernel):
    return {info.name: info.state for info in kernel.plugins.info()}


def error(kernel, name):
    return next(info.error for info in kernel.plugins.info() if info.name == name)


def modules():
    return {name for name in sys.modules if name.startswith(PREFIX)}


async def test_reload_runs_the_new_code(folder, write, autojump_clock):
    write("ape", "old")
    others = modules()
    async with running(folder) as kernel:
        before = modules() - others
        write("ape", "new")
        await kernel.plugins.reload("ape")
        assert kernel.services["ape"] == "new"
        assert kernel.plugins.call("gaffer_process_env", job=None, number=1) == [
            ("ape", {"WORD": "new"})
        ]
        assert len(modules() - others) == len(before)
        assert not modules() & before


async def test_new_code_of_the_same_size_and_time_is_loaded(folder, write, autojump_clock):
    write("ape", "old")
    words = folder.path / "ape" / "words.py"
    before = words.stat()
    async with running(folder) as kernel:
        write("ape", "new")
        os.utime(words, ns=(before.st_atime_ns, before.st_mtime_ns))
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "new"
    assert not list(folder.path.rglob("*.pyc"))


async def test_existing_bytecode_is_not_used(folder, write, autojump_clock):
    import py_compile

    write("ape", "old")
    words = folder.path / "ape" / "words.py"
    before = words.stat()
    py_compile.compile(str(words))
    write("ape", "new")
    os.utime(words, ns=(before.st_atime_ns, before.st_mtime_ns))
    async with running(folder) as kernel:
        assert kernel.services["ape"] == "new"


async def test_old_code_is_freed(folder, write, autojump_clock):
    write("ape", "old")
    before = modules()
    async with running(folder) as kernel:
        old = weakref.ref(sys.modules[min(modules() - before)])
        await kernel.plugins.reload("ape")
        gc.collect()
        assert old() is None


async def test_dependants_are_closed_first_and_opened_again(folder, write, autojump_clock):
    write("ape", "a")
    write("bee", "b", requires=("ape",))
    write("cow", "c")
    recorder = Recorder()
    async with running(folder, recorder) as kernel:
        del recorder.events[:]
        await kernel.plugins.reload("ape")
        assert [(event.event, event.name) for event in recorder.events] == [
            ("plugin.closed", "bee"),
            ("plugin.closed", "ape"),
            ("plugin.opened", "ape"),
            ("plugin.opened", "bee"),
        ]


async def test_closed_plugins_stay_closed(folder, write, autojump_clock):
    write("ape", "old")
    async with running(folder) as kernel:
        await kernel.plugins.close("ape")
        write("ape", "new")
        await kernel.plugins.reload("ape")
        assert states(kernel) == {"ape": "closed"}
        await kernel.plugins.open("ape")
        assert kernel.services["ape"] == "new"


async def test_new_code_repairs_a_failed_plugin(folder, write, autojump_clock):
    write("ape", "old")
    async with running(folder) as kernel:
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
    folder, write, autojump_clock, more, words, verb
):
    write("ape", "old")
    write("bee", "b", requires=("ape",))
    async with running(folder) as kernel:
        before = modules()
        write("ape", "new", more=more)
        change = {"kernel": kernel.reload, "rescan": kernel.plugins.rescan}.get(
            verb, partial(kernel.plugins.reload, "ape")
        )
        with pytest.raises(PluginError) as caught:
            await change()
        text = str(caught.value)
        assert text.startswith("plugin ape: ")
        assert words.replace("FILE", str(folder.path / "ape" / "__init__.py")) in text
        assert states(kernel) == {"ape": "open", "bee": "open"}
        assert kernel.services["ape"] == "old"
        assert modules() == before
        write("ape", "good")
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "good"
        assert error(kernel, "ape") is None


async def test_a_configuration_that_new_code_does_not_own_leaves_the_old_running(
    folder, write, autojump_clock
):
    write("ape", "old", more="@hookimpl\ndef gaffer_config_sections():\n    return ['ape']\n")
    async with running(folder, config=Config.from_string("[ape]\nx = 1\n")) as kernel:
        write("ape", "new")
        with pytest.raises(ConfigError, match="unknown section"):
            await kernel.plugins.reload("ape")
        assert kernel.services["ape"] == "old"


async def test_rescan_opens_new_folders_and_closes_removed_ones(folder, write, autojump_clock):
    write("ape", "a")
    write("bee", "b")
    async with running(folder) as kernel:
        opened = kernel.plugins.services["bee"]
        (folder.path / "ape").rename(folder.path.parent / "away")
        write("cow", "c", requires=("bee",))
        folder.write("site/_site/index.html")
        await kernel.plugins.rescan()
        assert states(kernel) == {"bee": "open", "cow": "open"}
        assert kernel.services == {"bee": opened, "cow": "c"}
        assert kernel.plugins.implementing("gaffer_process_env") == ["bee", "cow"]
        with pytest.raises(NotFound):
            await kernel.plugins.open("ape")


async def test_unchanged_plugins_are_not_touched(folder, write, autojump_clock):
    write("ape", "a")
    write("bee", "b")
    recorder = Recorder()
    async with running(folder, recorder) as kernel:
        del recorder.events[:]
        folder.write("ape/_site/index.html", "new")
        folder.write("ape/.hidden", "new")
        await kernel.plugins.rescan()
        assert recorder.events == []
        write("bee", "new")
        await kernel.plugins.rescan()
        assert {event.name for event in recorder.events} == {"bee"}


async def test_a_required_plugin_cannot_be_removed(folder, write, autojump_clock):
    write("ape", "a")
    write("bee", "b", requires=("ape",))
    async with running(folder) as kernel:
        (folder.path / "ape").rename(folder.path.parent / "away")
        with pytest.raises(PluginError, match="plugin bee: requires ape, which is not installed"):
            await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bee": "open"}


async def test_new_broken_plugins_are_listed_and_all_named_at_once(folder, write, autojump_clock):
    write("ape", "a")
    async with running(folder) as kernel:
        folder.write("bad/__init__.py", "x = (")
        folder.write("worse/__init__.py", "1 / 0")
        with pytest.raises(PluginError, match=r"plugin bad: .*; plugin worse: .*"):
            await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open", "bad": "failed", "worse": "failed"}
        assert "SyntaxError" in error(kernel, "bad")
        with pytest.raises(PluginError, match=r"plugin bad: .* cannot be imported: SyntaxError"):
            await kernel.plugins.open("bad")
        write("bad", "good")
        await kernel.plugins.reload("bad")
        assert kernel.services["bad"] == "good"
        (folder.path / "worse" / "__init__.py").unlink()
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
async def test_new_plugins_that_fail_after_their_import_are_listed(
    folder, write, autojump_clock, more, words
):
    write("ape", "a")
    async with running(folder) as kernel:
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
async def test_the_list_shows_the_last_error(folder, write, autojump_clock, name):
    write("ape", "a")
    async with running(folder) as kernel:
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


async def test_restored_plugins_open_with_the_previous_configuration(
    folder, write, autojump_clock, tmp_path
):
    code = (
        "from contextlib import asynccontextmanager\n"
        "from gaffer_kernel.hookspecs import hookimpl\n"
        "@hookimpl\ndef gaffer_config_sections():\n    return ['ape']\n"
        "@hookimpl\n@asynccontextmanager\nasync def gaffer_service(kernel):\n"
        "    FAILS\n    yield kernel.config.section('ape').get('x')\n"
    )
    folder.write("ape/__init__.py", code.replace("FAILS", "pass"))
    file = tmp_path / "gaffer.ini"
    file.write_text("[ape]\nx = old\n")
    async with running(folder, config=Config.read(file)) as kernel:
        folder.write("ape/__init__.py", code.replace("FAILS", "assert not kernel.reloading"))
        file.write_text("[ape]\nx = new\n")
        with pytest.raises(PluginError, match="plugin ape: did not start: AssertionError"):
            await kernel.reload()
        assert kernel.services["ape"] == "old"
        assert not kernel.reloading


async def test_a_new_plugin_cannot_take_a_used_name(folder, autojump_clock):
    class Ape:
        name = "ape"

        @hookimpl
        def gaffer_process_env(self):
            return {}

    folder.write("README")
    async with running(folder, Ape()) as kernel:
        folder.write("ape/__init__.py", "raise AssertionError")
        with pytest.raises(PluginError, match="plugin ape: a plugin of this name is already there"):
            await kernel.plugins.rescan()
        assert kernel.plugins.implementing("gaffer_process_env") == ["ape"]


async def test_a_new_plugin_that_others_can_write_is_refused_unless_insecure(
    folder, write, autojump_clock
):
    for insecure in (False, True):
        found = Plugins()
        found.add_folder(folder.path, insecure=insecure)
        async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
            write("ape", "a")
            (folder.path / "ape" / "words.py").chmod(0o666)
            if insecure:
                await kernel.plugins.rescan()
                assert states(kernel) == {"ape": "open"}
            else:
                with pytest.raises(PluginError, match="is writable by other users"):
                    await kernel.plugins.rescan()
        for file in (folder.path / "ape").iterdir():
            file.unlink()


async def test_a_disabled_plugin_is_not_reloaded(folder, write, autojump_clock):
    folder.write("ape/__init__.py", "raise AssertionError")
    found = Plugins()
    found.add_folder(folder.path, disabled=["ape"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        folder.write("ape/__init__.py", "raise AssertionError()")
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "disabled"}
        with pytest.raises(PluginError, match="plugin ape: is disabled"):
            await kernel.plugins.reload("ape")


async def test_a_disabled_folder_without_code_stays_disabled_until_removed(
    folder, write, autojump_clock
):
    write("ape", "a")
    folder.write("site/_site/index.html")
    found = Plugins()
    found.add_folder(folder.path, disabled=["site"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        assert states(kernel) == {"site": "disabled", "ape": "open"}
        folder.write("site/__init__.py", "raise AssertionError")
        await kernel.plugins.rescan()
        assert states(kernel) == {"site": "disabled", "ape": "open"}
        (folder.path / "site").rename(folder.path.parent / "away")
        await kernel.plugins.rescan()
        assert states(kernel) == {"ape": "open"}


async def test_hooks_of_a_plugin_are_added_and_removed_with_it(folder, autojump_clock):
    folder.write(
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

    async with running(folder, Greeting()) as kernel:
        await kernel.plugins.reload("ape")
        assert kernel.plugins.call("gaffer_greeting") == [("greeting", "hello")]
        (folder.path / "ape" / "__init__.py").unlink()
        await kernel.plugins.rescan()
        with pytest.raises(LookupError):
            kernel.plugins.call("gaffer_greeting")


async def test_an_embedded_plugin_is_closed_and_opened_again(folder, autojump_clock):
    lives = []

    class Ape(Plugin):
        name = "ape"

        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            lives.append("+")
            yield
            lives.append("-")

    folder.write("README")
    async with running(folder, Ape()) as kernel:
        await kernel.plugins.reload("ape")
        assert lives == ["+", "-", "+"]


async def test_a_cancelled_reload_still_finishes(folder, write, autojump_clock):
    write("ape", "old")
    async with running(folder) as kernel:
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


async def test_changes_run_one_after_the_other(folder, write, autojump_clock):
    write("ape", "a")
    before = modules()
    async with running(folder) as kernel:
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


async def test_a_hundred_reloads_leave_no_modules(folder, write, autojump_clock):
    write("ape", "a")
    async with running(folder) as kernel:
        await kernel.plugins.reload("ape")
        before = len(sys.modules), trio.lowlevel.current_statistics().tasks_living
        for _ in range(100):
            await kernel.plugins.reload("ape")
        assert (len(sys.modules), trio.lowlevel.current_statistics().tasks_living) == before


async def test_reload_without_a_running_kernel_is_an_error(folder, write):
    write("ape", "a")
    plugins = folder.load()
    with pytest.raises(PluginError, match="plugin ape: can be opened only while its kernel runs"):
        await plugins.reload("ape")
    with pytest.raises(NotFound):
        await plugins.reload("absent")


async def test_a_folder_with_missing_ok_is_loaded_once_it_exists(folder, write, autojump_clock):
    found = Plugins()
    found.add_folder(folder.path / "later", missing_ok=True)
    assert found.roots == (folder.path / "later",)
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        await kernel.plugins.rescan()
        write("later/ape", "word")
        await kernel.plugins.rescan()
        assert kernel.services["ape"] == "word"
        shutil.rmtree(folder.path / "later")
        await kernel.plugins.rescan()
        assert states(kernel) == {}


class Dependant(Plugin):
    """A plugin that requires another one and records its calls."""

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


async def test_reopened_applications_are_not_restarted(folder, write, autojump_clock):
    write("ape", "old")
    closed, kept = Dependant("closed", "ape"), Dependant("kept")
    async with running(folder, closed, kept) as kernel:
        write("ape", "new")
        await kernel.reload()
        await trio.testing.wait_all_tasks_blocked()
        assert closed.calls == ["start", "stop", "start"]
        assert kept.calls == ["start", "restart"]


class Worded(Plugin):
    """A plugin that keeps a word of the configuration."""

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


async def test_plugins_are_configured_again_after_a_refused_configuration(
    folder, tmp_path, autojump_clock
):
    file = tmp_path / "gaffer.ini"
    file.write_text("[worded]\nword = good\n")
    folder.write("README")
    worded = Worded()
    async with running(folder, worded, Picky(), config=Config.read(file)) as kernel:
        file.write_text("[worded]\nword = bad\n")
        with pytest.raises(ConfigError, match="I do not like it"):
            await kernel.reload()
        assert worded.word == "good"
        folder.write("ape/__init__.py", "raise ValueError")
        file.write_text("[worded]\nword = better\n")
        with pytest.raises(PluginError):
            await kernel.reload()
        assert worded.word == "good"


async def test_removing_a_disabled_plugin_does_not_prevent_opening_others(
    folder, write, autojump_clock
):
    write("ape", "word")
    write("bee", "word")
    found = Plugins()
    found.add_folder(folder.path, ["bee"])
    async with open_kernel(plugins=found, system=FakeSystem()) as kernel:
        shutil.rmtree(folder.path / "bee")
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
async def test_a_plugin_removed_while_a_change_waits_is_not_found(
    folder, write, verb, autojump_clock
):
    write("ape", "word")
    folder.write("bee/__init__.py", SLOW)
    async with running(folder) as kernel, trio.open_nursery() as nursery:
        for name in ("ape", "bee"):
            shutil.rmtree(folder.path / name)
        nursery.start_soon(kernel.plugins.rescan)
        await trio.testing.wait_all_tasks_blocked()
        assert states(kernel) == {"ape": "open", "bee": "open"}
        with pytest.raises(NotFound):
            await getattr(kernel.plugins, verb)("ape")
        assert states(kernel) == {}


async def test_the_error_of_a_cancelled_change_is_logged(folder, write, autojump_clock, caplog):
    folder.write("ape/__init__.py", SLOW)
    async with running(folder) as kernel:
        folder.write(
            "ape/__init__.py", SLOW.replace("yield", "raise ValueError('no more')\n    yield")
        )
        with trio.move_on_after(0.5) as asking:
            await kernel.plugins.reload("ape")
        assert asking.cancelled_caught
        assert "no more" not in caplog.text
        await trio.sleep(5)
        assert states(kernel) == {"ape": "open"}
    assert "plugin ape: did not start: ValueError: no more" in caplog.text
