"""The registry as a plugin of the kernel that gaffer_lookupd runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from gaffer_kernel import EventBus, Kernel, hookimpl

from gaffer_lookup.registry import Backend, MemoryBackend, Node, Registry
from gaffer_lookup.registry.backend import Publish
from gaffer_lookup.registry.quotas import DEFAULT_SHARE
from gaffer_lookup.registry.registry import LEASE
from gaffer_lookup.registry.serializers import encode_change

if TYPE_CHECKING:
    from quart import Blueprint


class Lookupd:
    """Publishes the nodes over HTTP, and lets nodes register themselves.

    Add it before HttpHandler: it then closes after it, and open websockets get a close code.

    Args:
        make_backend: makes the backend, from the function that receives every change; in memory
            when not given.
        lease: seconds without a message after which a node is removed.
        share: the part of each limit that one owner may use, from 0 to 1.

    Attributes:
        registry: the nodes that are registered here.
        known: the nodes that are registered anywhere.
        changes: the changes for observers; each event has the `message` to send.
    """

    name = "lookupd"

    def __init__(
        self,
        make_backend: Callable[[Publish], Backend] = MemoryBackend,
        lease: float = LEASE,
        share: float = DEFAULT_SHARE,
    ) -> None:
        self._backend = make_backend(self._publish)
        self.registry = Registry(self._backend, lease, share)
        self.known = self._backend.known
        self.changes = EventBus()

    def _publish(self, event: str, node: Node, **what: Any) -> None:
        # Encoding costs time, so it is done only when there is a subscriber.
        if self.changes.subscribers:
            self.changes.publish(event, name=node.name, message=encode_change(event, node, **what))

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Registry]:
        """Run the backend and the leases for the plugin's whole life."""
        return self._run()

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[Registry]:
        async with self._backend.open(), trio.open_nursery() as nursery:
            nursery.start_soon(self.registry.run, name="leases")
            yield self.registry
            nursery.cancel_scope.cancel()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> tuple[Blueprint, ...]:
        """Add the routes and the two websockets."""
        from gaffer_lookup.lookupd.routes import make_routes
        from gaffer_lookup.lookupd.websockets import make_websockets

        return make_routes(self), make_websockets(self, kernel)
