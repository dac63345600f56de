"""The plugin `stats`: the service `stats`, and `/stats` of the HTTP API."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import Kernel, hookimpl

from gaffer_stats.service import Stats, open_stats

if TYPE_CHECKING:
    from quart import Blueprint


class StatsPlugin:
    """Measures CPU and memory of processes while a client watches."""

    name = "stats"

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Stats]:
        """Offer `kernel.services["stats"]` while the plugin is open."""
        return open_stats(kernel)

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> Blueprint:
        """Add `/stats` and the `stats` of jobs and pids."""
        from gaffer_stats.routes import make_routes

        return make_routes(kernel)


plugin = StatsPlugin()
