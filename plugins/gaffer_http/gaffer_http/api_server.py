"""The application and its server, on open sockets: the half of the API that is slow to import.

`service` opens the sockets and imports this module once the first processes run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio
from gaffer_kernel import Kernel

from gaffer_http.auth.caller import Authenticate
from gaffer_http.auth.limits import RequestLimits, read_per_caller
from gaffer_http.auth.middleware import AccessMiddleware
from gaffer_http.auth.pages import Pages
from gaffer_http.auth.policy import read_policy
from gaffer_http.dynamic_app import DynamicApp
from gaffer_http.listen.sockets import Listening
from gaffer_http.openapi.document import preload
from gaffer_http.routes import page_key, root
from gaffer_http.serve.places import Places
from gaffer_http.serve.server import Server

log = logging.getLogger(__package__)

GRACE = 3.0
"""Seconds that requests have to finish when the API closes; the kernel would allow five."""

PRELOAD_DELAY = 1.0
"""Seconds after the start: the first requests go first."""


async def serve_api(
    kernel: Kernel,
    sockets: Sequence[Listening],
    closing: trio.Event,
    authenticate: Authenticate | None,
    *,
    routes: bool,
    connections: int | None,
    unadmitted: int | None,
    per_caller: int | None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the API on open sockets until `closing` is set; then let requests finish.

    Args:
        kernel: which.
        sockets: where; the server closes them.
        closing: set by the caller.
        authenticate: identifies a caller; None if no plugin can.
        routes, connections, unadmitted, per_caller: as for HttpHandler.
        task_status: started when requests can be served; they are once the kernel has started.

    Raises:
        PluginError: the routes of a plugin cannot be added, and the kernel is just starting.
    """
    app = DynamicApp(kernel, own=routes)
    pages = Pages(each.url for each in sockets if each.endpoint.auth == "owner")
    policy = read_policy(kernel.config)
    limits = (
        RequestLimits(read_per_caller(kernel.config))
        if per_caller is None
        else RequestLimits(per_caller, limit_owner=True)
    )
    middleware = AccessMiddleware(app, policy, authenticate, limits, pages)
    server = Server(middleware, Places(connections, unadmitted, policy.uids))
    async with app.running(), middleware.refusals.counting(), trio.open_nursery() as nursery:
        log.info("listening on %s", ", ".join(map(str, sockets)))
        task_status.started()
        # Requests wait in the queues of the sockets until the kernel can execute them.
        await _wait_any(kernel.started, closing)
        await nursery.start(server.run, sockets)
        nursery.start_soon(pages.watch, name="page key")
        try:
            with trio.move_on_after(PRELOAD_DELAY):
                await closing.wait()
            if not closing.is_set():
                # In a thread: meanwhile processes are supervised, and their output is read.
                await trio.to_thread.run_sync(_preload, abandon_on_cancel=True)
            await closing.wait()
        finally:
            app.api.feeds.close()
            pages.close()
            await server.close(GRACE)


def _preload() -> None:
    """Read and import what requests may need: an upgrade of packages can remove files meanwhile."""
    root.get_version()
    page_key.load_pages()
    preload()
    log.debug("no file of gaffer-http is needed any longer")


async def _wait_any(*events: trio.Event) -> None:
    """Wait until one of the events is set."""

    async def wait(event: trio.Event) -> None:
        await event.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(wait, event)
