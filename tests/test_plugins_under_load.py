"""Every plugin that is shipped, opened and closed many times under load."""

import gc
import os
import urllib.error
import urllib.request
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import trio

from gaffer_kernel import Config, JobConfig, Plugins, open_kernel

ROUNDS = 30
WARM = 10
"""Rounds after which everything has been imported, and every cache is full."""
MAX_MEMORY = 4 * 2**20
"""Bytes that may come on top, by chance, in all the rounds."""

PATHS = ("/jobs", "/pids/1", "/plugins", "/streams/1/stdout?feed=longpoll")
CHATTY = "sh -c 'while :; do echo hello; sleep 0.01; done'"


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def count():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), trio.lowlevel.current_statistics().tasks_living


def ask(url):
    # Closed, or closing, or opened elsewhere by now.
    with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5) as answer:
        answer.read(1)


async def keep_asking(kernel, path):
    while True:
        http = kernel.services.get("http")
        if http is not None:
            await trio.to_thread.run_sync(ask, http.addresses[0] + path)
        await trio.sleep(0.01)


async def idle():
    """Return the leaks after broken connections are gone: stable ten times in a row."""
    with trio.fail_after(20):
        last, same = count(), 0
        while same < 10:
            await trio.sleep(0.05)
            now = count()
            last, same = now, same + 1 if now == last else 0
    return last


@pytest.mark.parametrize("name", sorted(point.name for point in entry_points(group="gaffer")))
async def test_many_lives_leave_nothing(name):
    plugins = Plugins()
    plugins.discover()
    config = Config()
    config.options |= {"bind": "127.0.0.1:0"}
    async with open_kernel(config, plugins=plugins) as kernel:
        job = JobConfig(name="chatty", cmd=CHATTY, numprocesses=2, redirect_output=("stdout",))
        await kernel.manager.load(job).settled()
        os_pids = [process.os_pid for process in kernel.manager.walk()]
        states = {info.name: info.state for info in kernel.plugins.info()}
        for number in range(ROUNDS):
            if number == WARM:
                before, memory_before = await idle(), memory()
            async with trio.open_nursery() as load:
                for path in PATHS:
                    load.start_soon(keep_asking, kernel, path)
                await trio.sleep(0.005)
                await kernel.plugins.close(name)
                await trio.sleep(0.005)
                for each in states:
                    await kernel.plugins.open(each)
                load.cancel_scope.cancel()
        assert await idle() == before
        assert memory() - memory_before < MAX_MEMORY
        assert {info.name: info.state for info in kernel.plugins.info()} == states
        assert [process.os_pid for process in kernel.manager.walk()] == os_pids
