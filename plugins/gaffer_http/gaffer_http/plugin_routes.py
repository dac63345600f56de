"""The routes of one plugin while it is open, with their requests and background tasks."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING, Any

import trio
from gaffer_kernel import Kernel, PluginError
from gaffer_kernel.plugin import describe_exception
from quart import Blueprint

from gaffer_http.scope import RequestContext

if TYPE_CHECKING:
    from gaffer_http.app import Api

log = logging.getLogger(__name__)

START_TIMEOUT = 5.0
"""Seconds that the functions to run before serving may take."""

BACKGROUND_TIMEOUT = 1.0
"""Seconds that background tasks of a plugin's requests may take to end."""


def find_plugin_routes(
    kernel: Kernel, known: Iterable[PluginRoutes] | None = None
) -> list[PluginRoutes]:
    """Return the routes of every plugin that is open, or about to be.

    Args:
        kernel: the one whose plugins are asked.
        known: the routes found before: those of a plugin that is still open are kept, and a plugin
            whose hook raises has none. None at the start, where no plugin may fail.

    Raises:
        PluginError: a plugin failed, at the start.
    """
    by_opening = {(each.plugin, each.opened): each for each in known or ()}
    call = kernel.plugins.call_strict if known is None else kernel.plugins.call
    # A plugin that is about to open counts as opened once more already: its routes are the same
    # when it is open.
    openings = {info.name: info.opened + (info.state == "loaded") for info in kernel.plugins.info()}
    return [
        by_opening.get((plugin, openings[plugin])) or PluginRoutes(plugin, openings[plugin], result)
        for plugin, result in call("gaffer_http_routes", kernel=kernel)
    ]


class PluginRoutes:
    """The routes of one plugin, from its opening until it closes.

    Args:
        plugin: its name.
        opened: how often the plugin has been opened, this time included.
        result: what its `gaffer_http_routes` returned.

    Attributes:
        plugin, opened: the same.
        names: the names of its blueprints, once they are in an application.
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
        self._requests: set[trio.CancelScope] = set()
        self._stopping = trio.Event()
        self._stopped = trio.Event()

    def add_to(self, api: Api) -> None:
        """Add the routes to an application, which is unusable if that fails.

        Raises:
            PluginError: the hook returned something else, or two routes have the same name.
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
            # Taken from the first application: they run once, however many applications follow.
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
        """Run the before, while and after functions of the routes, until the plugin closes.

        Args:
            api: the application in whose context they run.
            task_status: started with None when requests may come; with an error when a function
                failed or START_TIMEOUT passed.
        """
        async with trio.open_nursery() as self.nursery, api.app_context():
            try:
                with trio.fail_after(START_TIMEOUT):
                    await self._before_serving(api)
            except Exception as error:  # noqa: BLE001  the starter of this task decides
                task_status.started(self._error(error))
                self.nursery.cancel_scope.cancel()
                return
            task_status.started(None)
            await self._stopping.wait()
            self.nursery.cancel_scope.deadline = trio.current_time() + BACKGROUND_TIMEOUT
            try:
                await self._after_serving(api)
            except Exception as error:
                log.error("%s", self._error(error), exc_info=error)
        self._stopped.set()

    async def _before_serving(self, api: Api) -> None:
        for function in self._before:
            await api.ensure_async(function)()
        for generator in self._while:
            await anext(generator)

    async def _after_serving(self, api: Api) -> None:
        for function in self._after:
            await api.ensure_async(function)()
        for generator in reversed(self._while):
            await anext(generator, None)

    def _error(self, error: Exception) -> PluginError:
        shown = describe_exception(error)
        reason = f"a before, while or after serving function failed: {shown}"
        return PluginError(self.plugin, reason)

    def add_request(self, context: RequestContext) -> None:
        """Register a request to the plugin, to be cancelled when the plugin closes."""
        scope, lifetime = context.cancel_scope, context.lifetime
        assert scope is not None
        assert lifetime is not None
        if self._stopping.is_set():
            scope.cancel()
        self._requests.add(scope)
        lifetime.callback(self._requests.discard, scope)

    async def stop(self) -> None:
        """Request the stop, and wait for it at most as long as background tasks may take."""
        self.request_stop()
        with trio.move_on_after(BACKGROUND_TIMEOUT):
            await self._stopped.wait()

    def request_stop(self) -> None:
        """Cancel the requests to the plugin, and make `run` finish."""
        self._stopping.set()
        for scope in self._requests:
            scope.cancel()
