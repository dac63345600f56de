"""The API with the routes of those plugins that are open now."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import Kernel, PluginError, Subscription

from gaffer_http.app import Api
from gaffer_http.asgi import Receive, Scope, Send
from gaffer_http.plugin_routes import Mount, find_mounts

log = logging.getLogger(__name__)


class Front:
    """An application that is another Api after each opening and closing of a plugin with routes.

    What the API is doing goes on: each request stays with the Api that got it, and all of them
    share feeds, polls and forms. Requests to a plugin that was closed are broken.

    Args:
        kernel: what it controls.
        own: whether it has the routes of gafferd, too.

    Attributes:
        api: the Api that gets the next request.

    Raises:
        PluginError: the routes of a plugin cannot be added, and the kernel is just starting. Later
            nobody keeps the API from opening.
    """

    def __init__(self, kernel: Kernel, *, own: bool = True) -> None:
        self._late = kernel.started.is_set()
        self._own = own
        self.api = Api(kernel, [] if self._late else None, own=own)
        self._plugins = kernel.plugins
        self._changes = kernel.plugins.changes
        self._refused: list[Mount] = []
        self._asked = trio.Event()
        self._refreshed = trio.lowlevel.ParkingLot()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the routes that there are at this moment."""
        while self._changes != self._plugins.changes:
            self._asked.set()
            await self._refreshed.park()
        await self.api(scope, receive, send)

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Follow the plugins, and do what their routes want done around serving.

        Raises:
            PluginError: that failed, before there was a request.
        """
        async with (
            self.api.kernel.events.subscribe("plugin") as events,
            trio.open_nursery() as self._nursery,
            trio.open_nursery() as following,
        ):
            for mount in self.api.mounts:
                await self._start(mount, self.api)
            if self._late:
                await self._refresh()
            following.start_soon(self._listen, events)
            following.start_soon(self._follow)
            try:
                yield
            finally:
                following.cancel_scope.cancel()
                for mount in self.api.mounts:
                    mount.leave()

    async def _listen(self, events: Subscription) -> None:
        async for _ in events:
            self._asked.set()

    async def _follow(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            changes = self._plugins.changes
            await self._refresh()
            self._changes = changes
            self._refreshed.unpark_all()

    async def _refresh(self) -> None:
        """Take up the routes of plugins that were opened, and drop those of others."""
        before = self.api.mounts
        mounts = find_mounts(self.api.kernel, (*before, *self._refused))
        self._refused = [each for each in self._refused if each in mounts]
        mounts = [each for each in mounts if each not in self._refused]
        if mounts != before:
            # First: what comes may be the next life of one that goes.
            for mount in before:
                if mount not in mounts:
                    await mount.end()
            self.api = await self._build(mounts)

    async def _build(self, mounts: list[Mount]) -> Api:
        """The next Api, without the routes that cannot be had: that is said in the log."""
        running = list(self.api.mounts)
        while True:
            try:
                api = Api(self.api.kernel, mounts, own=self._own, after=self.api)
                for mount in mounts:
                    if mount not in running:
                        await self._start(mount, api)
                        running.append(mount)
            except PluginError as error:
                log.error("%s", error)
                self._plugins.add_failure(error.plugin)
                [refused] = [each for each in mounts if each.plugin == error.plugin]
                self._refused.append(refused)
                mounts = [each for each in mounts if each is not refused]
            else:
                return api

    async def _start(self, mount: Mount, api: Api) -> None:
        refusal: PluginError | None = await self._nursery.start(mount.run, api)
        if refusal is not None:
            raise refusal
