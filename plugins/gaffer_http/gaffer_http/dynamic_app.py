"""The application whose routes change when a plugin opens, closes or reloads."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import Kernel, PluginError, Subscription

from gaffer_http.app import Api
from gaffer_http.asgi import Receive, Scope, Send
from gaffer_http.plugin_routes import PluginRoutes, find_plugin_routes

log = logging.getLogger(__name__)


class DynamicApp:
    """An application that builds a new Api whenever a plugin with routes opens or closes.

    Requests in progress go on: each stays with the Api that received it, and all of these share
    feeds, polls and forms. Requests to a plugin that was closed are cancelled.

    Args:
        kernel: the kernel that the API controls.
        own: whether to serve the routes of gafferd, too.

    Attributes:
        api: the Api that gets the next request.

    Raises:
        PluginError: the routes of a plugin cannot be added, and the kernel is just starting. Later
            such a plugin is logged and has no routes: the API opens without it.
    """

    def __init__(self, kernel: Kernel, *, own: bool = True) -> None:
        self._late = kernel.started.is_set()
        self._own = own
        self.api = Api(kernel, [] if self._late else None, own=own)
        self._plugins = kernel.plugins
        self._changes = kernel.plugins.changes
        self._refused: list[PluginRoutes] = []
        self._stale = trio.Event()
        self._refreshed = trio.lowlevel.ParkingLot()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the routes that exist at this moment."""
        while self._changes != self._plugins.changes:
            self._stale.set()
            await self._refreshed.park()
        await self.api(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the plugins, and run the before, while and after functions of their routes.

        Raises:
            PluginError: one of those functions failed before the first request.
        """
        async with (
            self.api.kernel.events.subscribe("plugin") as events,
            trio.open_nursery() as self._nursery,
            trio.open_nursery() as following,
        ):
            for routes in self.api.plugin_routes:
                await self._start(routes, self.api)
            if self._late:
                await self._refresh()
            following.start_soon(self._watch_events, events)
            following.start_soon(self._refresh_when_stale)
            try:
                yield
            finally:
                following.cancel_scope.cancel()
                for routes in self.api.plugin_routes:
                    routes.request_stop()

    async def _watch_events(self, events: Subscription) -> None:
        async for _ in events:
            self._stale.set()

    async def _refresh_when_stale(self) -> None:
        while True:
            await self._stale.wait()
            self._stale = trio.Event()
            changes = self._plugins.changes
            await self._refresh()
            self._changes = changes
            self._refreshed.unpark_all()

    async def _refresh(self) -> None:
        """Add the routes of plugins that were opened, and drop those of closed plugins."""
        before = self.api.plugin_routes
        found = find_plugin_routes(self.api.kernel, (*before, *self._refused))
        self._refused = [each for each in self._refused if each in found]
        wanted = [each for each in found if each not in self._refused]
        if wanted != before:
            # Stop the old ones first: a new one may be the same plugin, reloaded.
            for routes in before:
                if routes not in wanted:
                    await routes.stop()
            self.api = await self._build(wanted)

    async def _build(self, wanted: list[PluginRoutes]) -> Api:
        """Build the next Api. Routes that fail are logged and left out."""
        running = list(self.api.plugin_routes)
        while True:
            try:
                api = Api(self.api.kernel, wanted, own=self._own, after=self.api)
                for routes in wanted:
                    if routes not in running:
                        await self._start(routes, api)
                        running.append(routes)
            except PluginError as error:
                log.error("%s", error)
                self._plugins.add_failure(error.plugin)
                [refused] = [each for each in wanted if each.plugin == error.plugin]
                self._refused.append(refused)
                wanted = [each for each in wanted if each is not refused]
            else:
                return api

    async def _start(self, routes: PluginRoutes, api: Api) -> None:
        failure: PluginError | None = await self._nursery.start(routes.run, api)
        if failure is not None:
            raise failure
