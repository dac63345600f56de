"""The websockets of gaffer_lookupd: of a node that registers itself, of an observer of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from gaffer_http.plugin_api import HttpService, get_http_service, needs
from gaffer_kernel import Kernel, Subscription
from quart import Blueprint, websocket

from gaffer_lookup.lookupd.binding import get_binding
from gaffer_lookup.registry import Registrant
from gaffer_lookup.registry import serializers as views
from gaffer_lookup.registry.message_handler import answer

if TYPE_CHECKING:
    from gaffer_lookup.lookupd.plugin import Lookupd

RESTARTING = 1012
"""lookupd ends."""
SILENT = 4408
"""The node has been silent for longer than a lease."""


def make_sockets(lookupd: Lookupd, kernel: Kernel) -> Blueprint:
    """The two of them."""
    sockets = Blueprint("lookupd_sockets", __name__)

    @sockets.websocket("/ws")
    # A node registers itself, so the permission to read is not enough.
    @needs("write")
    async def node() -> None:
        """Register a node, for as long as the websocket lasts."""
        api = get_http_service(kernel)
        registrant = lookupd.registry.connect(api.identity(), get_binding(api.caller()))
        try:
            await websocket.accept()
            await _hear(registrant, api)
        finally:
            # When lookupd ends, all is gone with it: a thousand nodes need not be forgotten first.
            if not api.closing.is_set():
                registrant.leave()

    @sockets.websocket("/lookup/websocket")
    @needs("read")
    async def observe() -> None:
        """Tell of every change."""
        async with lookupd.changes.subscribe() as changes:
            await websocket.accept()
            await _tell(changes, get_http_service(kernel))

    return sockets


async def _hear(registrant: Registrant, http: HttpService) -> None:
    """Answer a node until it is silent for too long; if it goes, this is cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end, nursery, registrant.gone, http)
        nursery.start_soon(_end, nursery, http.closing, http)
        nursery.start_soon(_answer, registrant)
    await websocket.close(SILENT if registrant.gone.is_set() else RESTARTING)


async def _answer(registrant: Registrant) -> None:
    while True:
        await websocket.send(answer(registrant, await websocket.receive()))


async def _tell(changes: Subscription, http: HttpService) -> None:
    """Tell an observer what changes; if he goes, this is cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end, nursery, http.closing, http)
        nursery.start_soon(_hear_nothing)
        dropped = 0
        async for change in changes:
            if changes.dropped > dropped:
                await websocket.send(views.gap(changes.dropped - dropped))
                dropped = changes.dropped
            await websocket.send(change.data["message"])
    await websocket.close(RESTARTING)


async def _hear_nothing() -> None:
    # Words that nobody took would hide the end of the connection behind them.
    while True:
        await websocket.receive()


async def _end(nursery: trio.Nursery, event: trio.Event, http: HttpService) -> None:
    await event.wait()
    # Whoever asks without a pause, and reads no answer, would hold this up.
    http.abort_slow_websocket()
    nursery.cancel_scope.cancel()
