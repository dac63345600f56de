"""Each test of the suite fails for a plugin that deserves it, and says why; a good one passes."""

import os
import types
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from gaffer_kernel import hookimpl
from importlib_metadata import entry_points

from gaffer_testing import Conformance

PLUGINS = Path(__file__).parent.parent.parent
TESTS = [name for name in vars(Conformance) if name.startswith("test_")]


def plugin(**hooks):
    """A plugin made of a few functions."""
    made = types.SimpleNamespace(name="mine", gaffer_process_env=hookimpl(lambda: None))
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


def complaint(test, subject, **attributes):
    """What a test of the suite says of a plugin."""
    suite = type("Suite", (Conformance,), {"plugin": subject, **attributes})()
    with pytest.raises(pytest.fail.Exception) as caught:
        getattr(suite, test)()
    return str(caught.value)


def service(opening=None, closing=None):
    """A `gaffer_service` of two functions, plain or async."""

    @asynccontextmanager
    async def gaffer_service(kernel):
        held = await opening(kernel) if opening else None
        yield
        if closing:
            await closing(kernel)
        del held

    return gaffer_service


# Ours


@pytest.mark.parametrize("name", sorted(entry_points(group="gaffer").names))
def test_every_plugin_of_this_repository_runs_it(name):
    tests = PLUGINS / f"gaffer_{name}" / "tests" / f"test_{name}_conformance.py"
    assert "(Conformance)" in tests.read_text()


# Good ones


class AtHome:
    """Writes down what it knows."""

    @hookimpl
    def gaffer_process_env(self):
        (Path.home() / "notes").write_text("one")


class TestInAHomeOfItsOwn(Conformance):
    plugin = AtHome

    def test_its_hooks_do_not_raise_while_a_job_lives(self, tmp_path):
        super().test_its_hooks_do_not_raise_while_a_job_lives()
        assert (tmp_path / "notes").read_text() == "one"


class TestAnObject(Conformance):
    plugin = plugin()

    def test_importing_it_is_cheap_and_does_nothing(self):
        """Its class is not its own."""


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
"""What stands in [tally] is a number, `start`."""

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
def test_a_plugin_in_a_folder_can_run_it(test, tmp_path):
    folder = tmp_path / "plugins" / "tally"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FOLDER)
    broken = tmp_path / "plugins" / "broken"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise AssertionError")

    getattr(type("Suite", (Conformance,), {"plugin": folder})(), test)()


def test_a_strangers_tests_run_it(pytester):
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


# Bad ones


def refuses(kernel):
    raise RuntimeError("no luck")


def test_one_that_does_not_open():
    assert "no luck" in complaint("test_it_opens_and_closes", plugin(gaffer_service=refuses))


def test_one_that_opens_only_once():
    opened = []

    async def once(kernel):
        opened.append(kernel)
        if len(opened) > 1:
            raise RuntimeError("already there")

    words = complaint("test_it_opens_and_closes", plugin(gaffer_service=service(once)))
    assert "already there" in words


def test_one_that_fails_when_it_closes():
    async def stumble(kernel):
        raise RuntimeError("stumbled")

    words = complaint("test_it_opens_and_closes", plugin(gaffer_service=service(closing=stumble)))
    assert "stumbled" in words


@pytest.mark.parametrize("hook", ["gaffer_event", "gaffer_process_env", "gaffer_restart_delay"])
def test_one_whose_hook_raises(hook):
    words = complaint(
        "test_its_hooks_do_not_raise_while_a_job_lives", plugin(**{hook: lambda: 1 / 0})
    )
    assert "hooks raised" in words


def test_one_that_crashes_when_a_process_ends():
    @asynccontextmanager
    async def gaffer_service(kernel):
        async with kernel.events.subscribe("exit") as exits, trio.open_nursery() as nursery:
            nursery.start_soon(stumble, exits)
            yield

    async def stumble(exits):
        async for _ in exits:
            raise RuntimeError("stumbled")

    words = complaint(
        "test_its_hooks_do_not_raise_while_a_job_lives", plugin(gaffer_service=gaffer_service)
    )
    assert "it is failed: failed: RuntimeError: stumbled" in words


def brings_a_hook(pluginmanager):
    class Hooks:
        @staticmethod
        def gaffer_greeting():
            """Greet."""

    from gaffer_kernel.hookspecs import hookspec

    hookspec(Hooks.gaffer_greeting)
    pluginmanager.add_hookspecs(Hooks)


def test_one_that_does_not_survive_what_implements_its_hook():
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

    mine = plugin(gaffer_addhooks=brings_a_hook, gaffer_service=gaffer_service)
    words = complaint("test_it_survives_a_neighbour_whose_hooks_raise", mine)
    assert "gaffer_greeting of the neighbour raises" in words


async def leave_a_task(kernel):
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="left behind")


async def leave_a_descriptor(kernel):
    os.open("/dev/null", os.O_RDONLY)


async def leave_a_subscription(kernel):
    async def subscribe():
        async with kernel.events.subscribe("exit"):
            await trio.sleep_forever()

    trio.lowlevel.spawn_system_task(subscribe)


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (leave_a_task, "tasks: left behind"),
        (leave_a_descriptor, "descriptors: /dev/null"),
        (leave_a_subscription, "2 subscriptions"),
    ],
)
def test_one_that_leaves_something_behind(leave, words, monkeypatch):
    monkeypatch.setattr("gaffer_testing.leaks._PATIENCE", 0.05)
    left = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda *how: left.append(really(*how)) or left[-1])

    found = complaint("test_it_leaks_nothing", plugin(gaffer_service=service(leave)), rounds=5)

    assert words in found
    for descriptor in left:
        os.close(descriptor)


def test_one_that_takes_its_time_to_close():
    async def dawdle(kernel):
        await trio.sleep(5)

    mine = plugin(gaffer_service=service(closing=dawdle))
    words = complaint("test_it_stops_in_time", mine, stop_deadline=0.1)
    assert "did not close within 0.1 s" in words


def test_one_that_never_ends_does_not_hold_up_its_test():
    async def never(kernel):
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    mine = plugin(gaffer_service=service(closing=never))
    assert "abandoned" in complaint("test_it_stops_in_time", mine, stop_deadline=0.1)


def owning(*owned, keys=()):
    def gaffer_configure(config):
        for name in config.sections():
            for key in keys:
                config.section(name).get(key)

    return plugin(gaffer_config_sections=lambda: owned, gaffer_configure=gaffer_configure)


def test_one_that_does_not_document_what_it_owns(tmp_path):
    mine = owning("mine", "gaffer.mine_too", "mine:", keys=("colour",))
    words = complaint("test_it_documents_what_it_owns", mine)
    for each in ("mine", "gaffer.mine_too", "mine:", "mine.colour", "mine:conformance.colour"):
        assert each in words.removeprefix("not documented: ").split(", ")


@pytest.mark.parametrize("owned", ["mine", "mine:"])
def test_one_that_takes_unknown_keys(owned):
    words = complaint("test_it_refuses_unknown_keys", owning(owned))
    assert "takes no_such_key = 1" in words


def test_a_section_may_be_free():
    suite = type("Suite", (Conformance,), {"plugin": owning("mine"), "free_sections": ("mine",)})
    suite().test_it_refuses_unknown_keys()


def test_one_whose_error_does_not_name_the_key():
    def gaffer_configure(config):
        if section := config.section("mine"):
            raise section.error(None, "something is wrong")

    mine = plugin(gaffer_config_sections=lambda: ["mine"], gaffer_configure=gaffer_configure)
    assert "does not name the key" in complaint("test_it_refuses_unknown_keys", mine)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('here I am')", "it says something when it is imported: here I am"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[1]).start()",
            "starts a thread",
        ),
        ("sum(range(3_000_000))", "s of processor time, and the modules"),
    ],
)
def test_one_that_does_something_when_it_is_imported(code, words, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"{FOLDER}\n{code}\n")
    words_found = complaint(
        "test_importing_it_is_cheap_and_does_nothing", folder, import_seconds=0.01
    )
    assert words in words_found
