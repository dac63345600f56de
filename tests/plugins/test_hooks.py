"""Hooks: calls in order, isolation of failures, and checks of implementations."""

import asyncio
import logging
import signal
import types
from contextlib import asynccontextmanager

import pluggy
import pytest
import trio

from gaffer_kernel import hookspecs
from gaffer_kernel.errors import ConfigError, PluginError
from gaffer_kernel.hookspecs import hookimpl, hookspec
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.hooks import CONFIGURING, LIVING


def plugin(**functions):
    """Make a plugin of functions, marked with hookimpl."""
    return types.SimpleNamespace(**{name: hookimpl(f) for name, f in functions.items()})


def raising(exc):
    def hook(event):
        raise exc

    return hook


class Contributor:
    """Brings the hook `gaffer_words`."""

    class Specs:
        @hookspec
        def gaffer_words(self, language):
            """Words in a language."""

    @hookimpl
    def gaffer_addhooks(self, pluginmanager):
        pluginmanager.add_hookspecs(self.Specs)


@pytest.fixture
def plugins():
    return Plugins()


# Calling


def test_call_returns_names_and_results_in_order_without_none(plugins):
    for name, result in [("a", 1), ("b", None), ("c", 0)]:
        plugins.add(plugin(gaffer_process_env=lambda job, result=result: result), name)
    assert plugins.call("gaffer_process_env", job=None, number=1) == [("a", 1), ("c", 0)]


def test_an_implementation_takes_any_subset_of_the_arguments(plugins):
    plugins.add(plugin(gaffer_process_env=lambda: "none"), "a")
    plugins.add(plugin(gaffer_process_env=lambda number, job: (job, number)), "b")
    assert plugins.call("gaffer_process_env", job="web", number=2) == [
        ("a", "none"),
        ("b", ("web", 2)),
    ]


def test_tryfirst_is_called_before_and_trylast_after_the_order_of_opening(plugins):
    def add(name, requires=(), **options):
        one = types.SimpleNamespace(gaffer_requires=requires)
        one.gaffer_process_env = hookimpl(**options)(lambda: name)
        plugins.add(one, name)

    add("late", trylast=True)
    add("c", requires=("d",))
    add("d")
    add("early", tryfirst=True)
    plugins.check()
    called = [name for name, _ in plugins.call("gaffer_process_env", job=None, number=1)]
    assert called == ["early", "d", "c", "late"]


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseException("odd"),
        ExceptionGroup("", [OSError()]),
        BaseExceptionGroup("", [GeneratorExit()]),
    ],
)
def test_a_hook_that_raises_is_logged_and_counted_and_others_are_called(plugins, caplog, exc):
    seen = []
    plugins.add(plugin(gaffer_event=lambda event: seen.append(event)), "before")
    broken = plugin(gaffer_event=raising(exc))
    broken.__version__ = "1.5"
    plugins.add(broken, "broken")
    plugins.add(plugin(gaffer_event=lambda event: seen.append(event)), "after")
    plugins.call("gaffer_event", event="spawn")
    assert seen == ["spawn", "spawn"]
    assert [info.failures for info in plugins.info()] == [0, 1, 0]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message.startswith("plugin broken: gaffer_event raised ")


def interrupt(event):
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_during_a_hook_ends_the_program_around_the_kernel(plugins, caplog):
    plugins.add(plugin(gaffer_event=interrupt), "busy")
    with pytest.raises(KeyboardInterrupt):
        plugins.call("gaffer_event", event="spawn")
    with pytest.raises(KeyboardInterrupt):
        plugins.call_strict("gaffer_event", event="spawn")

    async def main():
        plugins.call("gaffer_event", event="spawn")

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert not caplog.records


def test_only_the_first_failure_of_a_hook_is_logged_with_its_traceback(plugins, caplog):
    plugins.add(plugin(gaffer_event=raising(ValueError("no"))), "broken")
    plugins.call("gaffer_event", event=1)
    plugins.call("gaffer_event", event=2)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]
    assert plugins.info()[0].failures == 2


def test_a_hook_that_raises_at_every_event_is_logged_rarely(plugins, caplog):
    plugins.add(plugin(gaffer_event=raising(ValueError("no"))), "broken")
    plugins.add(plugin(gaffer_event=raising(ValueError("no"))), "other")
    for event in range(1500):
        plugins.call("gaffer_event", event=event)
    broken = [each.message for each in caplog.records if "plugin broken" in each.message]
    assert len(broken) == 11
    assert broken[-1].startswith("plugin broken: gaffer_event raised ValueError: no (")
    assert broken[-1].endswith("), failed 1,024 times so far")
    assert len(caplog.records) == 22
    assert [info.failures for info in plugins.info()] == [1500, 1500]


def test_failures_are_counted_for_each_hook(plugins, caplog):
    def fail():
        raise KeyError("PORT")

    plugins.add(plugin(gaffer_event=raising(ValueError()), gaffer_process_env=fail), "broken")
    for event in range(3):
        plugins.call("gaffer_event", event=event)
    caplog.clear()
    plugins.call("gaffer_process_env", job=None, number=1)
    [record] = caplog.records
    assert record.message.startswith("plugin broken: gaffer_process_env raised KeyError: 'PORT' (")
    assert record.exc_info


async def test_a_cancelled_exception_from_a_hook_is_a_failure_because_hooks_never_wait(
    plugins, autojump_clock
):
    plugins.add(plugin(gaffer_event=lambda event: event()), "canceller")
    cancelled = await cancelled_exception()

    def cancel():
        raise cancelled

    plugins.call("gaffer_event", event=cancel)
    assert plugins.info()[0].failures == 1


async def cancelled_exception():
    caught = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as exc:
            caught.append(exc)
            raise
    return caught[0]


def test_first_returns_the_first_result_and_stops(plugins):
    asked = []

    def opinion(name, delay):
        def gaffer_restart_delay(job, history):
            asked.append(name)
            if delay == "raise":
                raise ValueError
            return delay

        plugins.add(plugin(gaffer_restart_delay=gaffer_restart_delay), name)

    opinion("none", None)
    opinion("broken", "raise")
    opinion("zero", 0.0)
    opinion("five", 5.0)
    assert plugins.first("gaffer_restart_delay", job=None, history=()) == 0.0
    assert asked == ["none", "broken", "zero"]


def test_first_returns_none_without_a_result(plugins):
    assert plugins.first("gaffer_restart_delay", job=None, history=()) is None


def test_call_strict_raises_gaffer_errors_unchanged(plugins):
    error = ConfigError("no", file="x.ini", line=3)

    def gaffer_configure(config):
        raise error

    plugins.add(plugin(gaffer_configure=gaffer_configure), "webhooks")
    with pytest.raises(ConfigError) as caught:
        plugins.call_strict("gaffer_configure", config=None)
    assert caught.value is error


@pytest.mark.parametrize(
    "exc",
    [ZeroDivisionError("oh"), SystemExit("oh"), KeyboardInterrupt("oh"), GeneratorExit("oh")],
)
def test_call_strict_names_the_plugin_and_line_of_other_errors(plugins, exc):
    later = []

    def gaffer_configure(config):
        raise exc

    plugins.add(plugin(gaffer_configure=gaffer_configure), "webhooks")
    plugins.add(plugin(gaffer_configure=lambda config: later.append(config)), "next")
    with pytest.raises(PluginError) as caught:
        plugins.call_strict("gaffer_configure", config=None)
    line = gaffer_configure.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        f"plugin webhooks: gaffer_configure raised {type(exc).__name__}: oh ({__file__}:{line}):"
        " repair it, or disable webhooks"
    )
    assert later == []


def test_call_strict_returns_the_same_results_as_call(plugins):
    plugins.add(plugin(gaffer_config_sections=lambda: ["http", "endpoint:"]), "http")
    plugins.add(plugin(gaffer_config_sections=lambda: None), "none")
    assert plugins.call_strict("gaffer_config_sections") == [("http", ["http", "endpoint:"])]


def test_every_hook_about_jobs_is_for_open_plugins_only():
    specified = {name for name in vars(hookspecs) if name.startswith("gaffer_")}

    assert specified - CONFIGURING - LIVING == {"gaffer_addhooks", "gaffer_service"}


def test_calling_an_unspecified_hook_raises(plugins):
    with pytest.raises(LookupError, match="did you mean 'gaffer_event'"):
        plugins.call("gaffer_evnt", event=1)


def test_calling_without_an_argument_raises(plugins):
    plugins.add(plugin(gaffer_event=lambda event: None), "a")
    with pytest.raises(LookupError, match="event"):
        plugins.call("gaffer_event")
    assert plugins.info()[0].failures == 0


def test_a_plugin_added_by_a_hook_is_called_next_time(plugins):
    seen = []

    def gaffer_event(event):
        if event == 1:
            plugins.add(plugin(gaffer_event=lambda event: seen.append(event)), "second")

    plugins.add(plugin(gaffer_event=gaffer_event), "first")
    plugins.call("gaffer_event", event=1)
    plugins.call("gaffer_event", event=2)
    assert seen == [2]


# Hooks that plugins bring


def test_implementing_lists_plugins_without_calling_the_hook(plugins):
    plugins.add(plugin(gaffer_event=raising(AssertionError)), "a")
    plugins.add(plugin(gaffer_process_env=lambda: None), "b")
    assert plugins.implementing("gaffer_event") == ["a"]
    assert plugins.implementing("gaffer_restart_delay") == []
    with pytest.raises(LookupError, match="did you mean 'gaffer_event'"):
        plugins.implementing("gaffer_evnt")


@pytest.mark.parametrize("contributor_first", [True, False])
def test_a_hook_can_be_implemented_before_it_is_specified(plugins, contributor_first):
    implementer = types.SimpleNamespace(
        gaffer_words=hookimpl(optionalhook=True)(lambda language: f"salut in {language}")
    )
    adding = [(Contributor(), "contributor"), (implementer, "implementer")]
    for one, name in adding if contributor_first else reversed(adding):
        plugins.add(one, name)
    plugins.check()
    assert plugins.call("gaffer_words", language="French") == [("implementer", "salut in French")]


def test_an_optional_hook_needs_no_specification(plugins):
    one = types.SimpleNamespace(gaffer_words=hookimpl(optionalhook=True)(lambda language: None))
    plugins.add(one, "implementer")
    plugins.check()


def test_the_error_for_a_wrong_argument_names_the_older_plugin(plugins):
    one = types.SimpleNamespace(gaffer_words=hookimpl(optionalhook=True)(lambda tongue: None))
    plugins.add(one, "implementer")
    with pytest.raises(PluginError, match=r"plugin implementer: .*tongue"):
        plugins.add(Contributor(), "contributor")


def test_two_specifications_of_one_hook_are_an_error(plugins):
    plugins.add(Contributor(), "contributor")
    with pytest.raises(PluginError, match=r"plugin usurper: cannot be added: .*gaffer_words"):
        plugins.add(Contributor(), "usurper")
    assert plugins.names() == ["contributor"]


def test_an_error_in_gaffer_addhooks_names_the_plugin(plugins):
    def gaffer_addhooks(pluginmanager):
        raise SystemExit("gone")

    with pytest.raises(PluginError, match="plugin quitter: cannot be added: SystemExit: gone"):
        plugins.add(plugin(gaffer_addhooks=gaffer_addhooks), "quitter")
    assert plugins.names() == []
    plugins.call("gaffer_event", event=1)


def test_each_kernel_has_its_own_pluggy_manager(plugins):
    managers = []
    plugins.add(plugin(gaffer_addhooks=lambda pluginmanager: managers.append(pluginmanager)), "a")
    Plugins().add(plugin(gaffer_addhooks=lambda pluginmanager: managers.append(pluginmanager)), "a")
    assert all(isinstance(manager, pluggy.PluginManager) for manager in managers)
    assert managers[0] is not managers[1]


# Checking


def test_an_unknown_argument_is_an_error(plugins):
    with pytest.raises(PluginError, match=r"plugin typo: .*gaffer_event.*evnt"):
        plugins.add(plugin(gaffer_event=lambda evnt: None), "typo")
    assert plugins.names() == []


def test_all_invalid_hooks_are_named_at_once(plugins):
    async def gaffer_event(event):
        pass

    async def gaffer_service(kernel):
        yield

    def gaffer_configure(config):
        yield

    plugins.add(plugin(gaffer_evnt=lambda event: None), "typo")
    plugins.add(plugin(gaffer_event=gaffer_event), "coroutine")
    plugins.add(plugin(gaffer_service=gaffer_service), "generator")
    wrapper = types.SimpleNamespace(gaffer_configure=hookimpl(wrapper=True)(gaffer_configure))
    plugins.add(wrapper, "wrapper")
    unmarked = plugin(gaffer_event=lambda: None)
    unmarked.gaffer_configure = lambda config: None
    plugins.add(unmarked, "unmarked")
    with pytest.raises(PluginError) as caught:
        plugins.check()
    text = str(caught.value)
    for words in (
        "plugin typo: no hook is called gaffer_evnt, did you mean 'gaffer_event'?",
        "plugin coroutine: gaffer_event is async: hooks are plain functions",
        "plugin generator: gaffer_service is an async generator: it lacks @asynccontextmanager",
        "plugin wrapper: gaffer_configure is a wrapper",
        "plugin unmarked: gaffer_configure lacks @hookimpl",
    ):
        assert words in text
    assert "\n" not in text


def test_hookimpl_and_other_decorators_work_in_any_order(plugins):
    async def service(kernel):
        yield

    plugins.add(types.SimpleNamespace(gaffer_service=hookimpl(asynccontextmanager(service))), "a")
    plugins.add(types.SimpleNamespace(gaffer_service=asynccontextmanager(hookimpl(service))), "b")
    plugins.check()


def test_a_module_can_hold_its_own_specifications():
    module = types.ModuleType("gaffer_words")
    module.gaffer_words = hookspec(lambda language: None)
    module.gaffer_addhooks = hookimpl(lambda pluginmanager: pluginmanager.add_hookspecs(module))
    plugins = Plugins()
    plugins.add(module)
    plugins.check()
    assert plugins.call("gaffer_words", language="x") == []
