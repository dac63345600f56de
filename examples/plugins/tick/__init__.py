"""Says now and then how many processes there are: a service, with a section of its own."""

from contextlib import asynccontextmanager

import trio

from gaffer_kernel import hookimpl

from .settings import seconds_of

__version__ = "1.0"


@hookimpl
def gaffer_config_sections():
    return ["tick"]


@hookimpl
def gaffer_configure(config):
    seconds_of(config)


@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, kernel, seconds_of(kernel.config))
        yield
        nursery.cancel_scope.cancel()


async def tick(kernel, seconds):
    while True:
        print(f"tick: {len(kernel.manager.pids())} processes", flush=True)
        await trio.sleep(seconds)
