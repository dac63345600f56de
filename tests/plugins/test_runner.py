"""Opening and closing plugins: order, deadlines, failures."""

import logging
import types

import pytest
import trio
import trio.testing

from gaffer_kernel.errors import Closing, ConfigError, NotFound, PluginError
from gaffer_kernel.hookspecs import hookimpl
from tests.plugins.house import House, crashing, failing, slow, stubborn

# Order


async def test_plugins_open_in_order_and_close_in_reverse(house, autojump_clock):
    house.add("sites", requires=("http",))
    house.add("http")
    house.add("webhooks", after=("sites",))
    async with house.running():
        house.log.append("body")
        assert set(house.states().values()) == {"open"}
    assert house.log == ["+http", "+sites", "+webhooks", "body", "-webhooks", "-sites", "-http"]
    assert set(house.states().values()) == {"closed"}
    assert house.events == [
        ("plugin.opened", "http"),
        ("plugin.opened", "sites"),
        ("plugin.opened", "webhooks"),
        ("plugin.closed", "webhooks"),
        ("plugin.closed", "sites"),
        ("plugin.closed", "http"),
    ]


async def test_a_service_is_available_while_its_plugin_is_open(house, autojump_clock):
    async def service():
        yield {"port": 5000}

    house.add("http", service)
    house.add("quiet")
    async with house.running():
        assert house.plugins.services == {"http": {"port": 5000}}
    assert house.plugins.services == {}


async def test_a_plugin_without_a_service_is_open_too(house, autojump_clock):
    house.plugins.add(types.SimpleNamespace(gaffer_event=hookimpl(lambda: None)), "events")
    none = types.SimpleNamespace(gaffer_service=hookimpl(lambda: None))
    house.plugins.add(none, "none")
    house.add("last", requires=("events", "none"))
    async with house.running():
        assert house.states() == {"events": "open", "none": "open", "last": "open"}


async def test_each_kernel_can_run_its_plugins_again(house, autojump_clock):
    house.add("http")
    for _ in range(2):
        async with house.running():
            assert house.states() == {"http": "open"}
    assert house.log == ["+http", "-http"] * 2


async def test_plugins_run_in_one_kernel_at_a_time(house, autojump_clock):
    house.add("http")
    async with house.running():
        with pytest.raises(RuntimeError, match="already run"):
            async with house.running():
                pass  # pragma: no cover
        assert house.states() == {"http": "open"}


async def test_an_error_of_the_block_is_raised_after_closing(house, autojump_clock):
    house.add("http")
    with pytest.raises(KeyError):
        async with house.running():
            raise KeyError
    assert house.log == ["+http", "-http"]


async def test_a_cancelled_block_does_not_cancel_services(house, autojump_clock):
    async def service():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(noting_cancellation)
            yield
            await trio.sleep(1)
            house.log.append("said goodbye")
            nursery.cancel_scope.cancel()

    async def noting_cancellation():
        try:
            await trio.sleep_forever()
        finally:
            house.log.append("cancelled")

    house.add("http", service)
    house.add("last")
    with trio.move_on_after(5) as scope:
        async with house.running():
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)
                house.log.append("jobs stopped")
    assert scope.cancelled_caught
    assert house.log == [
        "+http",
        "+last",
        "jobs stopped",
        "-last",
        "-http",
        "said goodbye",
        "cancelled",
    ]


async def test_each_service_has_its_own_named_task(house, autojump_clock):
    async def service():
        house.log.append(trio.lowlevel.current_task().name)
        yield
        house.log.append(trio.lowlevel.current_task().name)

    house.add("http", service)
    async with house.running():
        pass
    assert house.log == ["plugin http", "+http", "-http", "plugin http"]


# Failing to open


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (OSError(98, "Address in use"), "did not start: OSError: [Errno 98] Address in use"),
        (ConfigError("no", file="a.ini", line=7), "did not start: a.ini:7: no"),
        (SystemExit("bye"), "did not start: SystemExit: bye"),
        (PluginError("bad", "no licence"), "did not start: no licence"),
        (ExceptionGroup("", [OSError("x"), OSError("y")]), "did not start: OSError: x; OSError: y"),
    ],
)
async def test_a_plugin_that_fails_to_open_is_named_and_others_are_closed(
    house, autojump_clock, exc, words, caplog
):
    house.add("a")
    house.add("b", requires=("a",))
    house.add("bad", failing(exc, opening=True), requires=("b",))
    house.add("never", requires=("bad",))
    with pytest.raises(PluginError) as caught:
        async with house.running():
            house.log.append("body")
    assert str(caught.value).startswith(f"plugin bad: {words}")
    assert house.log == ["+a", "+b", "-b", "-a"]
    assert house.states() == {"a": "closed", "b": "closed", "bad": "failed", "never": "loaded"}
    assert ("plugin.failed", "bad") in house.events
    assert caplog.records == []  # the caller that catches the error reports it


async def test_an_error_in_code_names_its_line(house, autojump_clock):
    def gaffer_service(kernel):
        return {}["key"]

    house.plugins.add(types.SimpleNamespace(gaffer_service=hookimpl(gaffer_service)), "bad")
    line = gaffer_service.__code__.co_firstlineno + 1
    with pytest.raises(PluginError, match=f"plugin bad: .*KeyError: 'key' .*{__file__}:{line}"):
        async with house.running():
            pass  # pragma: no cover
    assert house.states() == {"bad": "failed"}


async def test_a_service_must_be_an_async_context_manager(house, autojump_clock):
    house.plugins.add(types.SimpleNamespace(gaffer_service=hookimpl(lambda kernel: 5)), "bad")
    with pytest.raises(PluginError, match="plugin bad: gaffer_service gave a int, not an async"):
        async with house.running():
            pass  # pragma: no cover


async def test_a_plugin_that_hangs_while_opening_is_cancelled_at_the_deadline(
    house, autojump_clock
):
    house.add("a")
    house.add("bad", slow(opening=11))
    start = trio.current_time()
    with pytest.raises(PluginError, match="plugin bad: did not start within 10 s"):
        async with house.running():
            pass  # pragma: no cover
    assert trio.current_time() - start == pytest.approx(10)
    assert house.log == ["+a", "-a"]


async def test_the_start_deadline_is_a_parameter(autojump_clock):
    house = House(start_deadline=2)
    house.add("in_time", slow(opening=1.9))
    house.add("late", slow(opening=2.1))
    with pytest.raises(PluginError, match="plugin late: did not start within 2 s"):
        async with house.running():
            pass  # pragma: no cover


async def test_a_plugin_that_shields_itself_while_opening_is_abandoned(
    house, autojump_clock, caplog
):
    release = trio.Event()
    house.add("a")
    house.add("bad", stubborn(release, opening=True))
    with pytest.raises(PluginError, match="plugin bad: did not start within 10 s, abandoned"):
        async with house.running():
            pass  # pragma: no cover
    assert house.plugins.abandoned == ["bad"]
    assert house.log == ["+a", "-a"]
    assert "plugin bad: did not start within 10 s and does not end" in caplog.text
    release.set()
    await trio.testing.wait_all_tasks_blocked()


async def test_a_cancellation_while_opening_closes_the_others(house, autojump_clock):
    house.add("a")
    house.add("slow", slow(opening=9))
    start = trio.current_time()
    with trio.move_on_after(1) as scope:
        async with house.running():
            pass  # pragma: no cover
    assert scope.cancelled_caught
    assert trio.current_time() - start == pytest.approx(1)
    assert house.log == ["+a", "-a"]
    assert house.states() == {"a": "closed", "slow": "loaded"}
    assert ("plugin.failed", "slow") not in house.events


async def test_missing_plugins_are_found_before_any_opens(house, autojump_clock):
    house.add("a")
    house.add("b", requires=("absent",))
    with pytest.raises(PluginError, match="plugin b: requires absent"):
        async with house.running():
            pass  # pragma: no cover
    assert house.log == []


async def test_all_plugins_that_do_not_open_are_named_except_their_dependants(
    house, autojump_clock
):
    house.add("bad", failing(ValueError("oh"), opening=True))
    house.add("needy", requires=("bad",))
    house.add("good")
    house.add("worse", failing(OSError("no"), opening=True))
    with pytest.raises(PluginError) as caught:
        async with house.running():
            pass  # pragma: no cover
    text = str(caught.value)
    assert text.startswith("plugin bad: did not start: ValueError: oh (")
    assert text.endswith("; plugin worse: did not start: OSError: no")
    assert "needy" not in text
    assert caught.value.reasons["worse"] == "did not start: OSError: no"
    assert house.log == ["+good", "-good"]


# Crashing later


async def test_a_crash_closes_only_the_plugin_and_its_dependants(house, autojump_clock, caplog):
    house.add("http", crashing(3))
    house.add("sites", requires=("http",))
    house.add("ui", requires=("sites",))
    house.add("console", after=("http",))
    async with house.running():
        house.log.append("body")
        await trio.sleep(3.5)
        assert house.states() == {
            "http": "failed",
            "sites": "closed",
            "console": "open",
            "ui": "closed",
        }
        assert house.plugins.services == {}
        house.log.append("body goes on")
    assert house.log == [
        *("+http", "+sites", "+console", "+ui", "body"),
        *("-http", "-ui", "-sites", "body goes on", "-console"),
    ]
    assert house.events[4:] == [
        ("plugin.failed", "http"),
        ("plugin.closed", "ui"),
        ("plugin.closed", "sites"),
        ("plugin.closed", "console"),
    ]
    assert house.error("http").startswith("failed: ValueError: crash (")
    assert house.error("sites") == "closed because http, which it requires, failed"
    crash = next(record for record in caplog.records if "plugin http" in record.message)
    assert crash.levelno == logging.ERROR
    assert crash.exc_info


@pytest.mark.parametrize("exc", [SystemExit(1), KeyboardInterrupt()])
async def test_a_system_exit_of_a_plugin_does_not_end_the_program(house, autojump_clock, exc):
    house.add("bad", crashing(1, exc))
    async with house.running():
        await house.wait_for("bad", "failed")


async def test_a_service_that_ends_by_itself_has_failed(house, autojump_clock):
    async def service():
        with trio.CancelScope() as scope:
            scope.cancel()
            yield

    house.add("bad", service)
    async with house.running():
        await house.wait_for("bad", "failed")
    assert house.error("bad") == "its service ended by itself"


async def test_a_crash_while_dependants_open_stops_the_start(house, autojump_clock):
    house.add("http", crashing(3))
    house.add("slow", slow(opening=5), requires=("http",))
    with pytest.raises(PluginError, match="plugin slow: closed because http, which it requires"):
        async with house.running():
            pass  # pragma: no cover
    assert house.states() == {"http": "failed", "slow": "loaded"}


async def test_a_crash_before_dependants_open_stops_the_start(house, autojump_clock):
    house.add("http", crashing(3))
    house.add("slow", slow(opening=5))
    house.add("sites", requires=("http",), after=("slow",))
    with pytest.raises(PluginError, match=r"plugin sites: requires http, which is failed \(failed"):
        async with house.running():
            pass  # pragma: no cover
    assert house.log == ["+http", "-http", "+slow", "-slow"]


async def test_a_crash_while_the_block_ends_is_recorded_once(house, autojump_clock):
    house.add("http", crashing(3))
    house.add("sites", slow(closing=2), requires=("http",))
    async with house.running():
        await trio.sleep(3)
    assert house.states() == {"http": "failed", "sites": "closed"}
    assert sorted(house.log) == ["+http", "+sites", "-http", "-sites"]


# Failing to close


async def test_a_plugin_that_hangs_while_closing_is_cancelled_at_the_deadline(
    house, autojump_clock, caplog
):
    house.add("a", slow(closing=1))
    house.add("bad", slow(closing=1000))
    house.add("c", slow(closing=1))
    async with house.running():
        start = trio.current_time()
    assert trio.current_time() - start == pytest.approx(1 + 5 + 1)
    assert house.log == ["+a", "+bad", "+c", "-c", "-bad", "-a"]
    assert house.states() == {"a": "closed", "bad": "closed", "c": "closed"}
    assert "plugin bad: did not close within 5 s, cancelled" in caplog.text


async def test_the_stop_deadline_is_a_parameter(autojump_clock, caplog):
    house = House(stop_deadline=0.5)
    house.add("bad", slow(closing=1000))
    async with house.running():
        start = trio.current_time()
    assert trio.current_time() - start == pytest.approx(0.5)
    assert "within 0.5 s" in caplog.text


async def test_a_plugin_that_shields_itself_while_closing_is_abandoned(
    house, autojump_clock, caplog
):
    release = trio.Event()
    house.add("a")
    house.add("bad", stubborn(release))
    async with house.running():
        start = trio.current_time()
    assert trio.current_time() - start == pytest.approx(5 + 1)
    assert house.states() == {"a": "closed", "bad": "failed"}
    assert house.plugins.abandoned == ["bad"]
    assert "plugin bad: did not close in time and does not end when cancelled" in caplog.text
    assert ("plugin.closed", "a") in house.events
    release.set()
    await trio.testing.wait_all_tasks_blocked()
    assert house.states() == {"a": "closed", "bad": "failed"}


async def test_an_error_while_closing_is_logged_and_others_close(house, autojump_clock, caplog):
    house.add("a")
    house.add("bad", failing(ValueError("oops"), opening=False))
    house.add("c")
    async with house.running():
        pass
    assert house.states() == {"a": "closed", "bad": "failed", "c": "closed"}
    assert "plugin bad: failed: ValueError: oops" in caplog.text


# Hooks of open and closed plugins


async def test_events_go_to_open_plugins_only(house, autojump_clock):
    seen = []

    def listener(name, service=None):
        house.add(name, service)
        plugin = types.SimpleNamespace(
            gaffer_event=hookimpl(lambda event: seen.append((name, event)))
        )
        plugin.gaffer_after = (name,)
        house.plugins.add(plugin, f"{name}_ear")

    listener("a")
    listener("b")
    async with house.running():
        seen.clear()
        await house.plugins.close("a_ear")
        house.plugins.call("gaffer_event", event="spawn")
    assert seen == [
        ("b", ("plugin.closed", "a_ear")),
        ("b", "spawn"),
    ]


async def test_a_plugin_receives_events_from_its_own_opening_on(house, autojump_clock):
    seen = []
    house.add("a")
    ear = types.SimpleNamespace(gaffer_event=hookimpl(lambda event: seen.append(event)))
    house.plugins.add(ear, "ear")
    async with house.running():
        assert seen == [("plugin.opened", "ear")]


async def test_configuration_hooks_are_called_of_closed_plugins(house, autojump_clock):
    plugin = types.SimpleNamespace(
        gaffer_config_sections=hookimpl(lambda: ["webhooks"]),
        gaffer_process_env=hookimpl(lambda: {"A": "1"}),
    )
    house.plugins.add(plugin, "webhooks")
    async with house.running():
        assert house.plugins.call("gaffer_process_env", job=None, number=1)
        await house.plugins.close("webhooks")
        assert not house.plugins.call("gaffer_process_env", job=None, number=1)
        assert house.plugins.call_strict("gaffer_config_sections") == [("webhooks", ["webhooks"])]


# While the kernel runs


async def test_closing_closes_dependants_first_and_opening_opens_requirements_first(
    house, autojump_clock
):
    house.add("http")
    house.add("sites", requires=("http",))
    house.add("console")
    async with house.running():
        house.log.clear()
        await house.plugins.close("http")
        assert house.states() == {"http": "closed", "sites": "closed", "console": "open"}
        await house.plugins.close("http")
        await house.plugins.open("sites")
        await house.plugins.open("sites")
        assert set(house.states().values()) == {"open"}
        assert house.log == ["-sites", "-http", "+http", "+sites"]
    assert house.log[4:] == ["-sites", "-http", "-console"]


async def test_a_plugin_that_failed_can_be_opened_again(house, autojump_clock):
    house.add("http", crashing(1))
    async with house.running():
        await house.wait_for("http", "failed")
        await house.plugins.open("http")
        assert house.states() == {"http": "open"}
        assert house.error("http") is None


async def test_a_plugin_added_while_running_is_opened_by_name(house, autojump_clock):
    house.add("http")
    async with house.running():
        house.add("sites", requires=("http",))
        assert house.states() == {"http": "open", "sites": "loaded"}
        await house.plugins.open("sites")
        house.add("orphan", requires=("absent",))
        with pytest.raises(PluginError, match="plugin orphan: requires absent"):
            await house.plugins.open("orphan")
    assert house.log == ["+http", "+sites", "-sites", "-http"]


async def test_a_plugin_that_fails_to_open_later_closes_no_other(house, autojump_clock):
    house.add("http")
    async with house.running():
        house.add("bad", failing(OSError("no"), opening=True), requires=("http",))
        with pytest.raises(PluginError, match="plugin bad: did not start: OSError: no"):
            await house.plugins.open("bad")
        assert house.states() == {"http": "open", "bad": "failed"}
        assert house.error("bad") == "did not start: OSError: no"


async def test_opening_or_closing_an_unknown_plugin_raises_not_found(house, autojump_clock):
    async with house.running():
        with pytest.raises(NotFound, match="no plugin 'absent'"):
            await house.plugins.open("absent")
        with pytest.raises(NotFound, match="no plugin 'absent'"):
            await house.plugins.close("absent")


async def test_open_without_a_running_kernel_is_an_error(house, autojump_clock):
    house.add("http")
    with pytest.raises(PluginError, match="plugin http: can be opened only while its kernel runs"):
        await house.plugins.open("http")
    await house.plugins.close("http")


async def test_concurrent_open_and_close_run_one_at_a_time(house, autojump_clock):
    house.add("http", slow(opening=1, closing=1))
    house.add("sites", slow(opening=1, closing=1), requires=("http",))
    async with house.running():
        house.log.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.plugins.close, "http")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(house.plugins.open, "sites")
        assert house.log == ["-sites", "-http", "+http", "+sites"]


async def test_a_plugin_can_open_another_during_the_start(house, autojump_clock):
    async def service():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.plugins.open, "slow")
            yield

    house.add("eager", service)
    house.add("slow", slow(opening=5))
    async with house.running():
        assert house.log == ["+eager", "+slow"]
    assert house.log == ["+eager", "+slow", "-slow", "-eager"]


async def test_a_cancelled_close_still_finishes(house, autojump_clock):
    house.add("http", slow(closing=2))
    async with house.running():
        with trio.move_on_after(1) as scope:
            await house.plugins.close("http")
        assert scope.cancelled_caught
        await house.wait_for("http", "closed")


async def test_a_cancelled_open_leaves_the_plugin_closed(house, autojump_clock):
    async with house.running():
        house.add("slow", slow(opening=5))
        with trio.move_on_after(1) as scope:
            await house.plugins.open("slow")
        assert scope.cancelled_caught
        assert house.states() == {"slow": "loaded"}
        await house.plugins.open("slow")
        assert house.states() == {"slow": "open"}


async def test_open_while_the_kernel_is_closing_raises_closing(house, autojump_clock):
    house.add("a", slow(closing=3))
    outcomes = []

    async def open_slow():
        with pytest.raises(Closing):
            await house.plugins.open("slow")
        outcomes.append("slow")
        with pytest.raises(Closing):
            await house.plugins.open("late")
        outcomes.append("late")

    async with trio.open_nursery() as nursery, house.running():
        house.add("slow", slow(opening=9))
        house.add("late")
        nursery.start_soon(open_slow)
        await trio.sleep(1)
    assert outcomes == ["slow", "late"]
    assert house.states() == {"a": "closed", "slow": "loaded", "late": "loaded"}
