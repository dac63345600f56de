"""The life of an application: an object with `start`, `stop` and `restart`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from gaffer_kernel.errors import GafferError

if TYPE_CHECKING:
    from gaffer_kernel.jobs.manager import Manager

VERBS = ("start", "stop", "restart")

LAST_MOMENT = 0.5
"""Seconds that an application which crashed or is cancelled has to give back what it holds."""


class Application:
    """Runs one application.

    Args:
        app: what `Plugin.app` gave; a missing method is nothing to do.

    Raises:
        GafferError: it is no application.
    """

    def __init__(self, app: Any) -> None:
        if inspect.isclass(app):
            raise GafferError(f"app() gave the class {app.__name__}: return {app.__name__}()")
        if app is not None and not any(hasattr(app, verb) for verb in VERBS):
            kind = type(app).__name__
            raise GafferError(f"app() gave a {kind}, which has neither start nor stop nor restart")
        self._app = app
        self._loop: trio.Nursery | None = None

    @asynccontextmanager
    async def living(self, manager: Manager) -> AsyncIterator[Any]:
        """Start the application, run the block, stop the application, cancel its tasks.

        When a task of it fails, or the block is cancelled, it is stopped all the same, within
        LAST_MOMENT.

        Args:
            manager: what the application controls.
        """
        async with trio.open_nursery() as loop:
            await self._call("start", loop, manager)
            self._loop = loop
            try:
                yield self._app
            except BaseException:
                self._loop = None
                with trio.move_on_after(LAST_MOMENT, shield=True):
                    await self._call("stop")
                raise
            self._loop = None
            await self._call("stop")
            loop.cancel_scope.cancel()

    def restart(self) -> None:
        """Have it restart, in its own nursery: if that fails, the plugin fails."""
        if self._loop is not None:
            self._loop.start_soon(self._call, "restart")

    async def _call(self, verb: str, *arguments: object) -> None:
        method = getattr(self._app, verb, None)
        if method is not None:
            result = method(*arguments)
            if inspect.isawaitable(result):
                await result
