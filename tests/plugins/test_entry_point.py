"""Plugins that are a class with an application, as in gaffer 0.5."""

import logging
import sys
from contextlib import asynccontextmanager
from types import ModuleType

import pytest
import trio
import trio.testing

from gaffer_kernel import (
    Closing,
    Config,
    JobConfig,
    Kernel,
    Plugin,
    PluginError,
    hookimpl,
    open_kernel,
)
from gaffer_kernel.plugins import Plugins, discovery
from gaffer_kernel.plugins.record import PluginRecord
from gaffer_kernel.testing import FakeSystem, Recorder

SAMPLE = """
from gaffer_kernel import Plugin

__all__ = ['DummyPlugin']

from .app import DummyApp

class DummyPlugin(Plugin):
    name = "dummy"
    version = "1.0"
    description = "test"

    def app(self, cfg):
        return DummyApp()
"""
SAMPLE_APP = """
class DummyApp(object):

    def start(self, loop, manager):
        print("start dummy app")

    def stop(sef):
        print("stop dummy")

    def rester(self):
        print("restart dummy")
"""


async def test_the_example_plugin_of_gaffer_0_5_runs(folder, capsys, autojump_clock):
    folder.write("dummy/plugin/__init__.py", SAMPLE)
    folder.write("dummy/plugin/app.py", SAMPLE_APP)
    folder.write("dummy/_site/index.html")
    async with open_kernel(plugins=folder.load(), system=FakeSystem()) as kernel:
        [info] = kernel.plugins.info()
        assert (info.name, info.version, info.description) == ("dummy", "1.0", "test")
        assert (info.state, info.path) == ("open", folder.path / "dummy")
        assert type(kernel.services["dummy"]).__name__ == "DummyApp"
        await kernel.reload()
        assert capsys.readouterr().out == "start dummy app\n"
    assert capsys.readouterr().out == "stop dummy\n"


class App:
    """An application that records the calls of its methods."""

    def __init__(self):
        self.log = []

    def start(self, loop, manager):
        self.loop, self.manager = loop, manager
        self.log.append("start")

    def stop(self):
        self.log.append("stop")

    def restart(self):
        self.log.append("restart")


class AsyncApp(App):
    """An application with async methods."""

    async def start(self, loop, manager):
        await trio.sleep(1)
        super().start(loop, manager)

    async def stop(self):
        await trio.sleep(1)
        super().stop()

    async def restart(self):
        await trio.sleep(1)
        super().restart()


def one(app, **attributes):
    """A plugin with such an application."""
    kind = type("One", (Plugin,), {"name": "one", "app": lambda self, cfg: app, **attributes})
    return kind()


@pytest.mark.parametrize("kind", [App, AsyncApp])
async def test_methods_of_an_application_can_be_plain_or_async(kind, autojump_clock):
    app = kind()
    async with open_kernel(plugins=[one(app)], system=FakeSystem()) as kernel:
        assert app.log == ["start"]
        assert app.manager is kernel.manager
        await kernel.reload()
        await trio.sleep(2)
        assert app.log == ["start", "restart"]
        await kernel.plugins.close("one")
        assert app.log == ["start", "restart", "stop"]
        await kernel.plugins.open("one")
    assert app.log == ["start", "restart", "stop", "start", "stop"]


async def test_the_loop_is_a_nursery_of_the_plugin(autojump_clock):
    class Ticking(App):
        def start(self, loop, manager):
            loop.start_soon(self.tick)

        async def tick(self):
            while True:
                await trio.sleep(1)
                self.log.append("tick")

    app = Ticking()
    async with open_kernel(plugins=[one(app)], system=FakeSystem()) as kernel:
        await trio.sleep(2.5)
        await kernel.plugins.close("one")
        await trio.sleep(10)
        assert app.log == ["tick", "tick", "stop"]


class Loading(App):
    """An application that loads a job when it starts, and unloads it when it stops."""

    def start(self, loop, manager):
        super().start(loop, manager)
        manager.load(JobConfig(name="web", cmd="serve"))

    def stop(self):
        super().stop()
        self.manager.unload("web")


async def test_an_application_loads_a_job_when_it_starts(autojump_clock):
    system, recorder = FakeSystem(), Recorder()
    plugins = [one(Loading()), recorder]
    async with open_kernel(plugins=plugins, system=system) as kernel:
        await kernel.manager.get("web").settled()
        assert system.spawned == 1
        assert "spawn" in recorder.names("web")  # it opened later, and still missed no process
        await kernel.plugins.reload("one")
        await kernel.manager.get("web").settled()
        assert (system.spawned, len(system.processes)) == (2, 1)
    assert recorder.names("web")[-2:] == ["stop_pid", "exit"]


async def test_a_service_loads_a_job_while_it_opens(autojump_clock):
    class Early:
        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            kernel.manager.load(JobConfig(name="web", cmd="serve"))
            yield

    async with open_kernel(plugins=[Early()], system=FakeSystem()) as kernel:
        await kernel.manager.get("web").settled()


async def test_the_configuration_of_the_file_wins_over_a_job_of_an_application(autojump_clock):
    config = Config.from_string("[process:web]\ncmd = other\n")
    system = FakeSystem()
    async with open_kernel(config, plugins=[one_loading()], system=system) as kernel:
        await kernel.manager.get("web").settled()
        [process] = system.processes.values()
        assert process.request.argv == ["other"]


def one_loading():
    kind = type("Two", (Plugin,), {"name": "two", "app": lambda self, cfg: Loading()})
    return kind()


async def test_a_job_of_an_application_never_starts_if_a_later_plugin_does_not_open(
    autojump_clock,
):
    class Late(App):
        def start(self, loop, manager):
            raise ValueError("oh")

    kind = type("Late", (Plugin,), {"name": "zz", "app": lambda self, cfg: Late()})
    system, recorder = FakeSystem(), Recorder()
    with pytest.raises(PluginError, match="plugin zz: did not start: ValueError: oh"):
        await Kernel(plugins=[recorder, one_loading(), kind()], system=system).run()
    assert system.spawned == 0
    assert recorder.names("web") == ["create", "start", "stop"]


async def test_no_job_of_an_application_starts_after_a_stop_while_plugins_open(autojump_clock):
    kernel = None

    class Stopping(Loading):
        def start(self, loop, manager):
            super().start(loop, manager)
            kernel.stop()

    system = FakeSystem()
    kernel = Kernel(plugins=[one(Stopping())], system=system)
    await kernel.run()
    assert system.spawned == 0


async def test_an_application_follows_events(autojump_clock):
    class Following(Loading):
        async def start(self, loop, manager):
            await loop.start(self.follow, manager)
            super().start(loop, manager)

        async def follow(self, manager, task_status):
            async with manager.events.subscribe("spawn") as events:
                task_status.started()
                async for event in events:
                    self.log.append(event.name)

    app = Following()
    async with open_kernel(plugins=[one(app)], system=FakeSystem()) as kernel:
        await kernel.manager.get("web").settled()
        await trio.testing.wait_all_tasks_blocked()
        assert app.log == ["start", "web"]


async def test_a_job_cannot_be_loaded_before_the_kernel_runs():
    with pytest.raises(Closing, match="the kernel does not run yet"):
        Kernel(system=FakeSystem()).manager.load(JobConfig(name="web", cmd="serve"))


async def test_an_error_in_a_task_stops_the_application_and_fails_the_plugin(autojump_clock):
    class Crashing(App):
        def start(self, loop, manager):
            loop.start_soon(self.crash)

        async def crash(self):
            await trio.sleep(1)
            raise ValueError("oh")

    app = Crashing()
    async with open_kernel(plugins=[one(app)], system=FakeSystem()) as kernel:
        await trio.sleep(2)
        [info] = kernel.plugins.info()
        assert info.state == "failed"
        assert info.error.startswith("failed: ValueError: oh (")
        assert app.log == ["stop"]


async def test_a_restart_that_raises_fails_the_plugin(autojump_clock):
    class Bad(App):
        def restart(self):
            raise ValueError("oh")

    async with open_kernel(plugins=[one(Bad())], system=FakeSystem()) as kernel:
        await kernel.reload()
        await trio.sleep(1)
        assert kernel.plugins.info()[0].state == "failed"


async def test_a_stop_that_hangs_is_cancelled_and_logged(autojump_clock, caplog):
    class Hanging(App):
        async def stop(self):
            self.log.append("stop")
            await trio.sleep_forever()

    app = Hanging()
    async with open_kernel(plugins=[one(app)], system=FakeSystem()) as kernel:
        await kernel.plugins.close("one")
        assert kernel.plugins.info()[0].error == "did not close within 5 s, cancelled"
    assert app.log == ["start", "stop"]
    assert caplog.record_tuples == [
        (
            "gaffer_kernel.plugins.runner",
            logging.ERROR,
            "plugin one: did not close within 5 s, cancelled",
        )
    ]


async def test_a_plugin_can_have_no_application(autojump_clock):
    async with open_kernel(plugins=[one(None)], system=FakeSystem()) as kernel:
        assert kernel.plugins.info()[0].state == "open"
        assert "one" not in kernel.services


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (App, "app() gave the class App: return App()"),
        (7, "app() gave a int, which has neither start nor stop nor restart"),
    ],
)
async def test_an_object_without_verbs_is_not_an_application(app, words, autojump_clock):
    with pytest.RaisesGroup(PluginError) as caught:
        async with open_kernel(plugins=[one(app)], system=FakeSystem()):
            pass
    assert str(caught.value.exceptions[0]) == f"plugin one: {words}"


# Finding the class


def offered(imported, name="one"):
    """Return the plugin that discovery finds in an object."""

    class Point:
        value = "somewhere"

        def load(self):
            return imported

    record = PluginRecord(name, None)
    discovery.load(record, Point())
    return record.plugin


class One(Plugin):
    name = "one"


def module(**contents):
    made = ModuleType("made")
    vars(made).update(contents)
    return made


def test_an_entry_point_can_name_the_class_or_its_module():
    assert isinstance(offered(One), One)
    assert isinstance(offered(module(__all__=["One"], One=One, Plugin=Plugin)), One)


def test_a_class_that_is_not_in_all_is_not_the_plugin():
    made = module(One=One)
    assert offered(made) is made


class Nameless(Plugin):
    pass


class Demanding(One):
    def __init__(self, more):
        self.more = more


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"A": One, "B": Nameless}, "names several plugins in __all__: One, Nameless: give each"),
        ({"A": Nameless}, 'the class Nameless has no name: add name = "one"'),
        ({"A": Demanding}, "Demanding() raised TypeError: "),
        ({"A": One, "hook": Plugin.gaffer_service}, "has hooks outside the class One: make them"),
    ],
)
def test_classes_that_cannot_be_the_plugin_are_refused(contents, words):
    with pytest.raises(PluginError) as caught:
        offered(module(__all__=["A", "B"], **contents))
    assert str(caught.value).startswith(f"plugin one: {words}")


def test_a_class_must_have_the_name_of_its_entry_point():
    with pytest.raises(PluginError, match=r"plugin other: the class One has the name 'one', "):
        offered(One, name="other")


def test_embedding_a_class_is_an_error():
    with pytest.raises(PluginError, match=r"plugin .*: give an instance, One\(\), not the class"):
        Kernel(plugins=[One])


# Required plugins


def test_mandatory_plugins_are_required():
    plugins = Plugins()
    plugins.add(one(None, mandatory=["http", "stats"]))
    assert plugins.info()[0].requires == ("http", "stats")
    with pytest.raises(PluginError, match=r"requires http, which is not .* requires stats, which"):
        plugins.check()


def test_versions_in_mandatory_require_gaffer_mandatory():
    plugins = Plugins()
    plugins.add(one(None, mandatory=["http>=1.2"]))
    [info] = plugins.info()
    assert (info.requires, info.mandatory) == (("http", "mandatory"), ("http>=1.2",))


@pytest.mark.parametrize("mandatory", ["http", [7], ["!"], {"http": 1}])
def test_mandatory_must_be_a_list_of_names(mandatory):
    with pytest.raises(PluginError, match="plugin one: mandatory must be a "):
        Plugins().add(one(None, mandatory=mandatory))


def test_a_refused_class_leaves_no_modules(folder):
    folder.write("other/__init__.py", SAMPLE.replace("from .app import DummyApp", ""))
    before = set(sys.modules)
    assert "has the name 'dummy'" in folder.get_error()
    assert set(sys.modules) == before
