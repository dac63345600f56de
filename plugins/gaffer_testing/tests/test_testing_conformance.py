"""Tests of the suite with good plugins, which pass, and bad ones, which fail with a reason."""

import os
import types
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
import trio
from gaffer_kernel import hookimpl
from importlib_metadata import entry_points
from msgspec import Meta

from gaffer_testing import Conformance

PLUGINS = Path(__file__).parent.parent.parent
TESTS = [name for name in vars(Conformance) if name.startswith("test_")]


def plugin(**hooks):
    """Make a plugin of a few functions."""
    made = types.SimpleNamespace(name="mine", gaffer_process_env=hookimpl(lambda: None))
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


def get_failure(test, subject, **attributes):
    """Return the message with which a test of the suite fails for a plugin."""
    suite = type("Suite", (Conformance,), {"plugin": subject, **attributes})()
    with pytest.raises(pytest.fail.Exception) as caught:
        getattr(suite, test)()
    return str(caught.value)


def service(opening=None, closing=None):
    """Make a `gaffer_service` of two functions, plain or async."""

    @asynccontextmanager
    async def gaffer_service(kernel):
        held = await opening(kernel) if opening else None
        yield
        if closing:
            await closing(kernel)
        del held

    return gaffer_service


# Plugins of this repository


@pytest.mark.parametrize("name", sorted(entry_points(group="gaffer").names))
def test_every_plugin_of_this_repository_runs_the_suite(name):
    tests = PLUGINS / f"gaffer_{name}" / "tests" / f"test_{name}_conformance.py"
    assert "(Conformance)" in tests.read_text()


# Good plugins


class FileWriter:
    """A plugin that writes a file to HOME."""

    @hookimpl
    def gaffer_process_env(self):
        (Path.home() / "notes").write_text("one")


class TestHomeOfTheTest(Conformance):
    plugin = FileWriter

    def test_its_hooks_do_not_raise_while_a_job_runs(self, tmp_path):
        super().test_its_hooks_do_not_raise_while_a_job_runs()
        assert (tmp_path / "notes").read_text() == "one"


class TestAnObject(Conformance):
    plugin = plugin()

    def test_importing_it_is_cheap_and_does_nothing(self):
        """Skip this test, as the class of the object is not in a plugin."""


class Counter:
    """Counts events.

    [counter] has `start`.
    """

    def __init__(self):
        self.seen = 0

    @hookimpl
    def gaffer_config_sections(self):
        return ["counter"]

    @hookimpl
    def gaffer_configure(self, config):
        section = config.section("counter")
        for key in section.keys() if section else ():
            if key != "start":
                raise section.error(key, "unknown key")
        if section:
            self.seen = section.getint("start", 0)

    @hookimpl
    def gaffer_event(self):
        self.seen += 1


class TestAClass(Conformance):
    plugin = Counter
    config = "[counter]\nstart = 5\n"


FOLDER = '''
"""The section [tally] has one key, the number `start`."""

from gaffer_kernel import hookimpl


@hookimpl
def gaffer_config_sections():
    return ["tally"]


@hookimpl
def gaffer_configure(config):
    section = config.section("tally")
    for key in section.keys() if section else ():
        if key != "start":
            raise section.error(key, "unknown key")
'''


@pytest.mark.parametrize("test", TESTS)
def test_folder_plugin_passes(test, tmp_path):
    folder = tmp_path / "plugins" / "tally"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FOLDER)
    broken = tmp_path / "plugins" / "broken"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise AssertionError")

    getattr(type("Suite", (Conformance,), {"plugin": folder})(), test)()


def test_suite_runs_in_tests_outside_of_this_repository(pytester):
    pytester.makepyfile(
        """
        import types
        from gaffer_kernel import hookimpl
        from gaffer_testing import Conformance

        class Mine:
            @hookimpl
            def gaffer_process_env(self):
                return {"MINE": "1"}

        class TestMine(Conformance):
            plugin = Mine
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=len(TESTS))


# Bad plugins


def raise_error(kernel):
    raise RuntimeError("no luck")


def test_plugin_that_does_not_open_fails():
    assert "no luck" in get_failure("test_it_opens_and_closes", plugin(gaffer_service=raise_error))


def test_plugin_that_opens_only_once_fails():
    opened = []

    async def once(kernel):
        opened.append(kernel)
        if len(opened) > 1:
            raise RuntimeError("already there")

    words = get_failure("test_it_opens_and_closes", plugin(gaffer_service=service(once)))
    assert "already there" in words


def test_plugin_that_raises_on_close_fails():
    async def stumble(kernel):
        raise RuntimeError("stumbled")

    words = get_failure("test_it_opens_and_closes", plugin(gaffer_service=service(closing=stumble)))
    assert "stumbled" in words


@pytest.mark.parametrize("hook", ["gaffer_event", "gaffer_process_env", "gaffer_restart_delay"])
def test_plugin_whose_hook_raises_fails(hook):
    words = get_failure(
        "test_its_hooks_do_not_raise_while_a_job_runs", plugin(**{hook: lambda: 1 / 0})
    )
    assert "hooks raised" in words


def test_plugin_that_crashes_on_a_process_exit_fails():
    @asynccontextmanager
    async def gaffer_service(kernel):
        async with kernel.events.subscribe("exit") as exits, trio.open_nursery() as nursery:
            nursery.start_soon(stumble, exits)
            yield

    async def stumble(exits):
        async for _ in exits:
            raise RuntimeError("stumbled")

    words = get_failure(
        "test_its_hooks_do_not_raise_while_a_job_runs", plugin(gaffer_service=gaffer_service)
    )
    assert "it is failed: failed: RuntimeError: stumbled" in words


def add_a_hook(pluginmanager):
    class Hooks:
        @staticmethod
        def gaffer_greeting():
            """Greet."""

    from gaffer_kernel.hookspecs import hookspec

    hookspec(Hooks.gaffer_greeting)
    pluginmanager.add_hookspecs(Hooks)


def test_plugin_that_does_not_survive_implementations_of_its_hook_fails():
    def gaffer_service(kernel):
        return greeting(kernel)

    @asynccontextmanager
    async def greeting(kernel):
        async with kernel.events.subscribe("exit") as exits, trio.open_nursery() as nursery:
            nursery.start_soon(greet, kernel, exits)
            yield
            nursery.cancel_scope.cancel()

    async def greet(kernel, exits):
        async for _ in exits:
            kernel.plugins.call_strict("gaffer_greeting")

    mine = plugin(gaffer_addhooks=add_a_hook, gaffer_service=gaffer_service)
    words = get_failure("test_it_survives_a_plugin_whose_hooks_raise", mine)
    assert "gaffer_greeting of the faulty plugin raises" in words


async def leak_task(kernel):
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="left behind")


async def leak_descriptor(kernel):
    os.open("/dev/null", os.O_RDONLY)


async def leak_subscription(kernel):
    async def subscribe():
        async with kernel.events.subscribe("exit"):
            await trio.sleep_forever()

    trio.lowlevel.spawn_system_task(subscribe)


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (leak_task, "tasks: left behind"),
        (leak_descriptor, "descriptors: /dev/null"),
        (leak_subscription, "2 subscriptions"),
    ],
)
def test_plugin_that_leaks_fails(leak, words, monkeypatch):
    monkeypatch.setattr("gaffer_testing.leaks._CLEANUP_TIMEOUT", 0.05)
    left = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda *how: left.append(really(*how)) or left[-1])

    found = get_failure("test_it_leaks_nothing", plugin(gaffer_service=service(leak)), rounds=5)

    assert words in found
    for descriptor in left:
        os.close(descriptor)


def test_plugin_that_closes_slowly_fails():
    async def dawdle(kernel):
        await trio.sleep(5)

    mine = plugin(gaffer_service=service(closing=dawdle))
    words = get_failure("test_it_stops_in_time", mine, stop_deadline=0.1)
    assert "did not close within 0.1 s" in words


def test_plugin_that_never_closes_does_not_block_its_test():
    async def never(kernel):
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    mine = plugin(gaffer_service=service(closing=never))
    assert "abandoned" in get_failure("test_it_stops_in_time", mine, stop_deadline=0.1)


def owning(*owned, keys=()):
    def gaffer_configure(config):
        for name in config.sections():
            for key in keys:
                config.section(name).get(key)

    return plugin(gaffer_config_sections=lambda: owned, gaffer_configure=gaffer_configure)


def test_plugin_with_undocumented_keys_fails(tmp_path):
    mine = owning("mine", "gaffer.mine_too", "mine:", keys=("colour",))
    words = get_failure("test_it_documents_what_it_owns", mine)
    for each in ("mine", "gaffer.mine_too", "mine:", "mine.colour", "mine:conformance.colour"):
        assert each in words.removeprefix("not documented: ").split(", ")


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        ("hidden", Annotated[int, Meta(description="a number")], "not documented: process.hidden"),
        ("shown", int, "shown: add Meta(description=...)"),
        (
            "shown",
            Annotated[int | dict[str, int], Meta(description="numbers")],
            "shown: a file cannot express its type: use another",
        ),
    ],
)
def test_plugin_with_undocumented_job_options_fails(key, kind, words):
    class Mine:
        """Add the key shown to jobs."""

        @hookimpl
        def gaffer_job_options(self):
            return msgspec.defstruct("Options", [(key, kind, 1)], frozen=True)

    assert get_failure("test_it_documents_what_it_owns", Mine) == words


@pytest.mark.parametrize("owned", ["mine", "mine:"])
def test_plugin_that_accepts_unknown_keys_fails(owned):
    words = get_failure("test_it_refuses_unknown_keys", owning(owned))
    assert "accepts no_such_key = 1" in words


def test_free_section_may_accept_unknown_keys():
    suite = type("Suite", (Conformance,), {"plugin": owning("mine"), "free_sections": ("mine",)})
    suite().test_it_refuses_unknown_keys()


def test_plugin_whose_error_does_not_name_the_key_fails():
    def gaffer_configure(config):
        if section := config.section("mine"):
            raise section.error(None, "something is wrong")

    mine = plugin(gaffer_config_sections=lambda: ["mine"], gaffer_configure=gaffer_configure)
    assert "does not name the key" in get_failure("test_it_refuses_unknown_keys", mine)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('here I am')", "it writes output when it is imported: here I am"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[1]).start()",
            "starts a thread",
        ),
        ("sum(range(3_000_000))", "s of processor time, and the modules"),
    ],
)
def test_plugin_whose_import_has_effects_fails(code, words, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"{FOLDER}\n{code}\n")
    words_found = get_failure(
        "test_importing_it_is_cheap_and_does_nothing", folder, import_seconds=0.01
    )
    assert words in words_found
