"""Work that a plugin postpones until the first processes run: `Plugins.finish_start_late`."""

from contextlib import asynccontextmanager

import pytest
import trio

from gaffer_kernel import Config, PluginError, hookimpl
from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.testing import FakeSystem

JOBS = "[process:web]\ncmd = serve\nnumprocesses = 3\n"


class Slow:
    """A plugin that finishes its start late, with `finish`."""

    name = "slow"

    def __init__(self, finish):
        self.finish = finish
        self.closed = False

    @hookimpl
    def gaffer_service(self, kernel):
        @asynccontextmanager
        async def service():
            async def finish():
                await self.finish(kernel)

            if not kernel.started.is_set():
                kernel.plugins.finish_start_late(finish)
            yield
            self.closed = True

        return service()


def get_config():
    return Config.from_string(JOBS)


async def test_late_start_follows_the_first_processes_and_precedes_the_end_of_the_start(
    autojump_clock,
):
    seen = []
    system = FakeSystem()

    async def finish(kernel):
        seen.append((len(system.processes), kernel.started.is_set()))

    async with open_kernel(get_config(), plugins=[Slow(finish)], system=system) as kernel:
        assert seen == [(3, False)]
        assert kernel.started.is_set()


async def test_error_of_a_late_start_names_the_plugin_and_stops_every_process(autojump_clock):
    system = FakeSystem()

    async def finish(kernel):
        raise ValueError("no room")

    plugin = Slow(finish)
    kernel = Kernel(get_config(), plugins=[plugin], system=system)
    with pytest.raises(PluginError, match=r"plugin slow: did not start: .*no room"):
        await kernel.run()
    assert system.processes == {}
    assert plugin.closed


async def test_late_start_has_the_deadline_of_an_opening(autojump_clock):
    async def finish(kernel):
        await trio.sleep_forever()

    kernel = Kernel(get_config(), plugins=[Slow(finish)], system=FakeSystem())
    start = trio.current_time()
    with pytest.raises(PluginError, match="plugin slow: did not start within 10 s"):
        await kernel.run()
    assert trio.current_time() - start >= 10


async def test_a_reload_waits_for_the_late_start(autojump_clock):
    order = []

    async def finish(kernel):
        nursery.start_soon(reload, kernel)
        await trio.sleep(1)
        order.append("late start")

    async def reload(kernel):
        await kernel.reload()
        order.append("reload")

    plugins = [Slow(finish)]
    async with (
        trio.open_nursery() as nursery,
        open_kernel(get_config(), plugins=plugins, system=FakeSystem()),
    ):
        await trio.sleep(1)
        assert order == ["late start", "reload"]


async def test_a_plugin_that_opens_again_does_not_start_late(autojump_clock):
    calls = []

    async def finish(kernel):
        calls.append(kernel)

    async with open_kernel(get_config(), plugins=[Slow(finish)], system=FakeSystem()) as kernel:
        await kernel.plugins.close("slow")
        await kernel.plugins.open("slow")
    assert len(calls) == 1
