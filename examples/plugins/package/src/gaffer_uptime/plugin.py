"""The plugin `uptime`: the section `[uptime]`, the service `uptime`, and `/uptime`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from gaffer_kernel import Config, Kernel, hookimpl
from gaffer_uptime.lives import Lives
from gaffer_uptime.settings import get_ignored

if TYPE_CHECKING:
    from quart import Blueprint


class UptimePlugin:
    """Measures the uptime of processes."""

    name = "uptime"

    @hookimpl
    def gaffer_config_sections(self) -> list[str]:
        """Declare the section `[uptime]`."""
        return ["uptime"]

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section before anything starts."""
        get_ignored(config)

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self, kernel: Kernel) -> AsyncIterator[Lives]:
        """Follow the exits; publish `kernel.services["uptime"]`."""
        lives = Lives(get_ignored(kernel.config))
        async with kernel.events.subscribe("exit") as exits, trio.open_nursery() as nursery:
            nursery.start_soon(lives.follow, exits)
            yield lives
            nursery.cancel_scope.cancel()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> Blueprint:
        """Add `/uptime`, if gaffer-http is installed; only it needs quart."""
        from gaffer_uptime.routes import make_routes

        return make_routes(kernel)


plugin = UptimePlugin()
