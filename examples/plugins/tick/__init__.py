"""Print the number of processes at intervals: a service, with its own section."""

from contextlib import asynccontextmanager

import trio

from gaffer_kernel import hookimpl

from .settings import get_seconds

__version__ = "1.0"


@hookimpl
def gaffer_config_sections():
    return ["tick"]


@hookimpl
def gaffer_configure(config):
    get_seconds(config)


@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, kernel, get_seconds(kernel.config))
        yield
        nursery.cancel_scope.cancel()


async def tick(kernel, seconds):
    while True:
        print(f"tick: {len(kernel.manager.pids())} processes", flush=True)
        await trio.sleep(seconds)
