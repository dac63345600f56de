"""The routes of one plugin while it is open, and all that goes on because of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import trio
from gaffer_kernel import Kernel, PluginError
from gaffer_kernel.plugin import describe_exception
from quart import Blueprint

from gaffer_http.asgi import Scope

if TYPE_CHECKING:
    from gaffer_http.app import Api

log = logging.getLogger(__name__)

START_TIMEOUT = 5.0
"""Seconds that what is to be done before serving may take."""

BACKGROUND_TIMEOUT = 1.0
"""Seconds that background tasks of plugins' routes may take to end."""


def find_mounts(kernel: Kernel, known: Iterable[Mount] | None = None) -> list[Mount]:
    """The routes of every plugin that is open, or about to be.

    Args:
        kernel: whose plugins are asked.
        known: routes of before: those of a life that still goes on are not replaced, and a plugin
            that fails to tell its routes has none. None at the start, where nobody may fail.

    Raises:
        PluginError: a plugin failed, at the start.
    """
    by_life = {(each.plugin, each.opened): each for each in known or ()}
    ask = kernel.plugins.call_strict if known is None else kernel.plugins.call
    # One that is about to open is in its next life already: its routes are the same when it has.
    lives = {info.name: info.opened + (info.state == "loaded") for info in kernel.plugins.info()}
    return [
        by_life.get((plugin, lives[plugin])) or Mount(plugin, lives[plugin], result)
        for plugin, result in ask("gaffer_http_routes", kernel=kernel)
    ]


class Mount:
    """The routes of one plugin, from its opening to its end.

    Args:
        plugin: its name.
        opened: which of its lives this is: how often it has been opened.
        result: what its `gaffer_http_routes` gave.

    Attributes:
        plugin, opened: the same.
        names: of its blueprints, once they are in an application.
        nursery: for background tasks of its requests, while it runs.
    """

    def __init__(self, plugin: str, opened: int, result: Any) -> None:
        self.plugin = plugin
        self.opened = opened
        self.names: list[str] = []
        self.nursery: trio.Nursery | None = None
        self._result = result
        self._before: list[Callable[[], Any]] = []
        self._while: list[AsyncGenerator[None, None]] = []
        self._after: list[Callable[[], Any]] = []
        self._ending: set[trio.CancelScope] = set()
        self._leave = trio.Event()
        self._ended = trio.Event()

    def add_to(self, api: Api) -> None:
        """Add the routes to an application, which is spoiled if that fails.

        Raises:
            PluginError: they are no routes, or two have the same name.
        """
        lists = (api.before_serving_funcs, api.while_serving_gens, api.after_serving_funcs)
        marks = [len(each) for each in lists]
        result = self._result
        try:
            names = []
            for blueprint in [result] if isinstance(result, Blueprint) else result:
                api.register_blueprint(blueprint)
                names.append(blueprint.name)
        except (AttributeError, TypeError, ValueError) as error:
            raise PluginError(self.plugin, f"its routes cannot be added: {error}") from error
        if self.names != names:
            # The first application has them; they are done once, whatever comes after it.
            self.names = names
            self._before = list(api.before_serving_funcs[marks[0] :])
            self._while = api.while_serving_gens[marks[1] :]
            self._after = list(api.after_serving_funcs[marks[2] :])

    async def run(
        self,
        api: Api,
        *,
        task_status: trio.TaskStatus[PluginError | None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Do what its routes want done before, while and after they are served.

        Args:
            api: the application in which it is done.
            task_status: told None when requests may come; or that they may not, because something
                failed, or START_TIMEOUT passed.
        """
        async with trio.open_nursery() as self.nursery, api.app_context():
            try:
                with trio.fail_after(START_TIMEOUT):
                    await self._begin(api)
            except Exception as error:  # noqa: BLE001  whoever started it decides
                task_status.started(self._failed(error))
                self.nursery.cancel_scope.cancel()
                return
            task_status.started(None)
            await self._leave.wait()
            self.nursery.cancel_scope.deadline = trio.current_time() + BACKGROUND_TIMEOUT
            try:
                await self._finish(api)
            except Exception as error:
                log.error("%s", self._failed(error), exc_info=error)
        self._ended.set()

    async def _begin(self, api: Api) -> None:
        for function in self._before:
            await api.ensure_async(function)()
        for generator in self._while:
            await anext(generator)

    async def _finish(self, api: Api) -> None:
        for function in self._after:
            await api.ensure_async(function)()
        for generator in reversed(self._while):
            await anext(generator, None)

    def _failed(self, error: Exception) -> PluginError:
        reason = (
            f"what its routes do before, while or after serving failed: {describe_exception(error)}"
        )
        return PluginError(self.plugin, reason)

    def admit(self, scope: Scope) -> None:
        """Take note of a request to it, which is not to outlive it."""
        ending: trio.CancelScope = scope["gaffer.ending"]
        lifetime: AsyncExitStack = scope["gaffer.lifetime"]
        if self._leave.is_set():
            ending.cancel()
        self._ending.add(ending)
        lifetime.callback(self._ending.discard, ending)

    async def end(self) -> None:
        """As `leave`; and wait for the end, at most as long as background tasks may take."""
        self.leave()
        with trio.move_on_after(BACKGROUND_TIMEOUT):
            await self._ended.wait()

    def leave(self) -> None:
        """Break its requests, and let `run` come to its end."""
        self._leave.set()
        for scope in self._ending:
            scope.cancel()
