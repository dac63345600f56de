"""Plugins that fail while they are open: opened again with backoff, then given up."""

from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
import trio.testing

from gaffer_kernel import JobConfig, hookimpl, open_kernel
from gaffer_kernel.plugins.recovery import MAX_TRIES
from gaffer_kernel.testing import FakeSystem
from tests.plugins.house import House, crashing

GIVEN_UP = "given up after 5 tries: repair it and open it, or disable it"


def crashing_at(*times, fails_to_open=()):
    """A service whose nth life crashes after so many seconds; later ones last."""
    lives = []

    async def service():
        lives.append(trio.current_time())
        number = len(lives)
        if number in fails_to_open:
            raise OSError("no")
        after = times[number - 1] if number <= len(times) else None
        async with trio.open_nursery() as nursery:
            if after is not None:
                nursery.start_soon(crash, after)
            yield "service"
            nursery.cancel_scope.cancel()

    async def crash(after):
        await trio.sleep(after)
        raise ValueError("crash")

    return service, lives


def get_delays(lives, life):
    return [later - earlier - life for earlier, later in pairwise(lives)]


async def test_a_failed_plugin_is_opened_again(house, autojump_clock, caplog):
    service, lives = crashing_at(3)
    house.add("bad", service)
    async with house.running():
        await house.wait_for("bad", "failed")
        assert house.plugins.services == {}
        await house.wait_for("bad", "open")
        assert house.plugins.services == {"bad": "service"}
        assert house.error("bad") is None
        await trio.sleep(1000)
        assert house.states() == {"bad": "open"}
    assert get_delays(lives, 3) == pytest.approx([1])
    assert "plugin bad: is opened again in 1 s, try 1 of 5" in caplog.text
    assert "plugin bad: is open again" in caplog.text


async def test_a_plugin_that_fails_again_and_again_is_given_up(house, autojump_clock, caplog):
    service, lives = crashing_at(*[2] * 100)
    house.add("bad", service)
    async with house.running():
        await trio.sleep(10_000)
        assert house.states() == {"bad": "failed"}
        assert house.error("bad").startswith("failed: ValueError: crash (")
        assert house.error("bad").endswith(f"; {GIVEN_UP}")
    assert get_delays(lives, 2) == pytest.approx([1, 2, 4, 8, 16])
    assert len(lives) == 1 + MAX_TRIES
    assert caplog.text.count(GIVEN_UP) == 1
    assert house.events.count(("plugin.failed", "bad")) == 1 + MAX_TRIES


async def test_a_try_that_does_not_open_counts(house, autojump_clock, caplog):
    service, lives = crashing_at(0.5, fails_to_open=(2, 3, 4, 5, 6))
    house.add("bad", service)
    async with house.running():
        await trio.sleep(1000)
        assert house.error("bad") == f"did not start: OSError: no; {GIVEN_UP}"
    assert len(lives) == 6


async def test_a_plugin_that_was_healthy_begins_with_the_first_try(house, autojump_clock):
    service, lives = crashing_at(1, 1, 100, 1)
    house.add("bad", service)
    async with house.running():
        await trio.sleep(1000)
        assert house.states() == {"bad": "open"}
    pauses = [later - earlier for earlier, later in pairwise(lives)]
    assert pauses == pytest.approx([1 + 1, 1 + 2, 100 + 1, 1 + 2])


async def test_the_plugins_that_were_closed_with_it_are_opened_after_it(house, autojump_clock):
    service, _ = crashing_at(3)
    house.add("http", service)
    house.add("sites", requires=("http",))
    house.add("ui", requires=("sites",))
    async with house.running():
        await trio.sleep(3.5)
        assert house.states() == {"http": "failed", "sites": "closed", "ui": "closed"}
        house.log.clear()
        await trio.sleep(1)
        assert house.log == ["+http", "+sites", "+ui"]


async def test_a_plugin_waits_for_one_it_requires_that_failed_too(house, autojump_clock):
    slow_one, _ = crashing_at(3, fails_to_open=(2,))  # open again at 3 + 1 + 2
    quick, lives = crashing_at(2.5)
    house.add("http", slow_one)
    house.add("sites", quick, requires=("http",))
    async with house.running():
        await trio.sleep(20)
        assert house.states() == {"http": "open", "sites": "open"}
    assert lives == pytest.approx([0, 6])


async def test_a_plugin_that_does_not_open_with_the_other_one_is_tried_alone(house, autojump_clock):
    service, _ = crashing_at(3)
    needy, lives = crashing_at(fails_to_open=(2,))
    house.add("http", service)
    house.add("sites", needy, requires=("http",))
    async with house.running():
        await trio.sleep(10)
        assert house.states() == {"http": "open", "sites": "open"}
    assert lives == pytest.approx([0, 4, 5])


@pytest.mark.parametrize("verb", ["close", "open"])
async def test_a_change_by_a_caller_ends_the_tries(house, autojump_clock, verb):
    service, lives = crashing_at(1)
    house.add("bad", service)
    async with house.running():
        await trio.sleep(1.5)
        await getattr(house.plugins, verb)("bad")
        await trio.sleep(100)
        expected = "failed" if verb == "close" else "open"
        assert house.states() == {"bad": expected}
    assert len(lives) == (1 if verb == "close" else 2)


async def test_a_plugin_that_was_closed_by_a_caller_stays_closed(house, autojump_clock):
    service, _ = crashing_at(1)
    house.add("http", service)
    house.add("sites", requires=("http",))
    async with house.running():
        await trio.sleep(1.5)
        await house.plugins.close("sites")
        await trio.sleep(10)
        assert house.states() == {"http": "open", "sites": "closed"}


async def test_the_first_try_follows_after_a_caller_opened_it(house, autojump_clock):
    service, lives = crashing_at(1, 1, 1, 1)
    house.add("bad", service)
    async with house.running():
        await trio.sleep(1 + 1 + 1 + 0.5)  # the second pause, of two seconds, has begun
        await house.plugins.open("bad")
        await trio.sleep(100)
    pauses = [later - earlier for earlier, later in pairwise(lives)]
    assert pauses == pytest.approx([2, 1.5, 2, 3])


async def test_the_shutdown_ends_a_pending_try(house, autojump_clock):
    service, lives = crashing_at(1)
    house.add("bad", service)
    async with house.running():
        await trio.sleep(1.5)
    assert trio.current_time() == pytest.approx(1.5)
    await trio.sleep(100)
    assert len(lives) == 1


async def test_the_shutdown_ends_a_try_that_opens(house, autojump_clock):
    lives = []

    async def service():
        lives.append(trio.current_time())
        if len(lives) > 1:
            await trio.sleep(5)
        async with trio.open_nursery() as nursery:
            if len(lives) == 1:
                nursery.start_soon(fail)
            yield
            nursery.cancel_scope.cancel()

    async def fail():
        raise ValueError("crash")

    house.add("bad", service)
    async with house.running():
        await trio.sleep(2)
    assert trio.current_time() == pytest.approx(2, abs=0.1)
    assert len(lives) == 2


async def test_a_plugin_that_is_abandoned_is_not_opened_again(autojump_clock):
    release = trio.Event()
    opened = []

    async def service():
        opened.append(1)
        yield
        with trio.CancelScope(shield=True):
            await release.wait()

    house = House(stop_deadline=1)
    house.add("deaf", service)
    async with house.running():
        await house.plugins.close("deaf")
        release.set()
        await trio.sleep(100)
        assert house.states() == {"deaf": "failed"}
    assert len(opened) == 1


async def test_jobs_run_on_while_a_plugin_fails_and_comes_back(autojump_clock):
    class Bad:
        name = "bad"

        @hookimpl
        def gaffer_service(self, kernel):
            return asynccontextmanager(crashing(1))()

    system = FakeSystem()
    async with open_kernel(plugins=[Bad()], system=system) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await job.settled()
        async with kernel.events.subscribe("plugin") as events:
            await trio.sleep(3)
            names = [(await anext(events)).event for _ in range(3)]
        assert names == ["plugin.failed", "plugin.opened", "plugin.failed"]
        assert (system.spawned, job.pids()) == (1, [1])


async def test_a_reload_of_a_failed_plugin_ends_the_tries(folder, autojump_clock):
    code = """
from contextlib import asynccontextmanager
import trio
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield
        nursery.cancel_scope.cancel()

async def run():
    await trio.sleep(1)
    CRASH
"""
    folder.write("bad/__init__.py", code)
    async with open_kernel(plugins=folder.load(), system=FakeSystem()) as kernel:
        await trio.sleep(1.5)
        assert [info.state for info in kernel.plugins.info()] == ["failed"]
        folder.write("bad/__init__.py", code.replace("CRASH", "pass"))
        await kernel.reload()
        await trio.sleep(1000)
        assert [(info.state, info.opened) for info in kernel.plugins.info()] == [("open", 2)]
