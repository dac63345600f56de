"""Plugins as classes: Plugin, and the application that it starts and stops."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from gaffer_kernel.errors import GafferError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.names import PART
from gaffer_kernel.plugins.dependencies import read_names

if TYPE_CHECKING:
    from gaffer_kernel.config import Config
    from gaffer_kernel.jobs.manager import Manager
    from gaffer_kernel.kernel import Kernel

VERSION_CHECKER = "mandatory"
"""The plugin that compares the versions of plugins with those in `mandatory`."""

VERBS = ("start", "stop", "restart")

STOP_TIMEOUT = 0.5
"""Seconds for the `stop` of an application that crashed or is cancelled."""


class Plugin:
    """Base class of plugins with an application; their module names them in its `__all__`.

    Its methods may implement hooks as well: mark them `@hookimpl`.

    Attributes:
        name: the plugin's name, equal to that of its folder or entry point.
        version: for lists, and for plugins that require a version.
        description: one line, for lists.
        mandatory: names of plugins that must be there and open first; a name may be followed by
            versions, `"http>=1.2"`, which gaffer-mandatory is needed to compare.
    """

    name: str = ""
    version: str | None = None
    description: str = ""
    mandatory: Sequence[str] = ()

    _application: Application | None = None

    def app(self, cfg: Config) -> Any:
        """Return the application, a new one each time the plugin opens; None for none.

        Args:
            cfg: the configuration, which has been checked.

        Returns:
            An object with some of `start(loop, manager)`, `stop()` and `restart()`, plain or async.
            `loop` is a trio nursery for the tasks of the plugin, `manager` that of the kernel. The
            object is the public service of the plugin. `restart` is called after each reload of
            the configuration.
        """
        return None

    @property
    def gaffer_requires(self) -> tuple[str, ...]:
        """The plugins in `mandatory` without versions, and the one that compares versions."""
        matches = [re.match(PART, each.strip()) for each in read_names(self, "mandatory")]
        if not all(matches):
            raise TypeError('mandatory must be a list of plugin names, like ["http"]')
        names = [match[0] for match in matches if match]
        if any(match.string != match[0] for match in matches if match):
            names.append(VERSION_CHECKER)
        return tuple(names)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[object]:
        """Run the application while the plugin is open."""
        self._application = Application(self.app(kernel.config))
        return self._application.running(kernel.manager)


def restart_application(plugin: object) -> None:
    """Restart the application of a plugin, if it is a Plugin that is open; returns at once."""
    if isinstance(plugin, Plugin) and plugin._application is not None:
        plugin._application.restart()


class Application:
    """Starts, restarts and stops one application.

    Args:
        app: the result of `Plugin.app`; methods may be missing.

    Raises:
        GafferError: it is not an application.
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
    async def running(self, manager: Manager) -> AsyncIterator[Any]:
        """Start the application, run the block, stop the application, cancel its tasks.

        If one of its tasks fails or the block is cancelled, it is still stopped, within
        STOP_TIMEOUT.

        Args:
            manager: passed to `start`.
        """
        async with trio.open_nursery() as loop:
            await self._call("start", loop, manager)
            self._loop = loop
            try:
                yield self._app
            except BaseException:
                self._loop = None
                with trio.move_on_after(STOP_TIMEOUT, shield=True):
                    await self._call("stop")
                raise
            self._loop = None
            await self._call("stop")
            loop.cancel_scope.cancel()

    def restart(self) -> None:
        """Call `restart` in the nursery of the application: if it raises, the plugin fails."""
        if self._loop is not None:
            self._loop.start_soon(self._call, "restart")

    async def _call(self, verb: str, *arguments: object) -> None:
        method = getattr(self._app, verb, None)
        if method is not None:
            result = method(*arguments)
            if inspect.isawaitable(result):
                await result
