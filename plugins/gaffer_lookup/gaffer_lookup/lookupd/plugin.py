"""The registry as a plugin of the kernel that gaffer_lookupd runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from gaffer_kernel import EventBus, Kernel, hookimpl

from gaffer_lookup.registry import Keeper, MemoryKeeper, Node, Registry
from gaffer_lookup.registry.backend import Tell
from gaffer_lookup.registry.quotas import SHARE
from gaffer_lookup.registry.registry import LEASE
from gaffer_lookup.registry.serializers import change

if TYPE_CHECKING:
    from quart import Blueprint


class Lookupd:
    """Tells over HTTP which nodes there are, and lets them register themselves.

    It goes before HttpHandler, so that it closes after it: whoever is connected is told of the end.

    Args:
        make_keeper: makes where it is kept, out of what is to be told of every change; in memory
            when not given.
        lease: seconds of silence after which a node is gone.
        share: how much of everything one owner may register, from 0 to 1.

    Attributes:
        registry: what is registered here.
        known: what is registered anywhere.
        changes: what changes while somebody observes; each has the `message` that he gets.
    """

    name = "lookupd"

    def __init__(
        self,
        make_keeper: Callable[[Tell], Keeper] = MemoryKeeper,
        lease: float = LEASE,
        share: float = SHARE,
    ) -> None:
        self._keeper = make_keeper(self._tell)
        self.registry = Registry(self._keeper, lease, share)
        self.known = self._keeper.known
        self.changes = EventBus()

    def _tell(self, event: str, node: Node, **what: Any) -> None:
        # What nobody follows need not be put into words.
        if self.changes.subscribers:
            self.changes.publish(event, name=node.name, message=change(event, node, **what))

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Registry]:
        """Keep what is known, and the time of leases, for the plugin's whole life."""
        return self._living()

    @asynccontextmanager
    async def _living(self) -> AsyncIterator[Registry]:
        async with self._keeper.open(), trio.open_nursery() as nursery:
            nursery.start_soon(self.registry.run, name="leases")
            yield self.registry
            nursery.cancel_scope.cancel()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> tuple[Blueprint, ...]:
        """Add what can be asked, and the two websockets."""
        from gaffer_lookup.lookupd.routes import make_routes
        from gaffer_lookup.lookupd.websockets import make_sockets

        return make_routes(self), make_sockets(self, kernel)
