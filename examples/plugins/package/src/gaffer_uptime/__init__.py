"""How long the processes of each job live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from gaffer_kernel import Config, Kernel, hookimpl
from gaffer_uptime.lives import Lives
from gaffer_uptime.settings import ignored

if TYPE_CHECKING:
    from quart import Blueprint


@hookimpl
def gaffer_config_sections() -> list[str]:
    """[uptime] is ours."""
    return ["uptime"]


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check it, before anything starts."""
    ignored(config)


@hookimpl
@asynccontextmanager
async def gaffer_service(kernel: Kernel) -> AsyncIterator[Lives]:
    """Listen to what ends; offer `kernel.services["uptime"]`."""
    lives = Lives(ignored(kernel.config))
    async with kernel.events.subscribe("exit") as exits, trio.open_nursery() as nursery:
        nursery.start_soon(lives.listen, exits)
        yield lives
        nursery.cancel_scope.cancel()


@hookimpl(optionalhook=True)
def gaffer_http_routes(kernel: Kernel) -> Blueprint:
    """Add /uptime, where gaffer-http is. Only it needs quart."""
    from gaffer_uptime.routes import make_routes

    return make_routes(kernel)
