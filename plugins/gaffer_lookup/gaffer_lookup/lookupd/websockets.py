"""The websockets of gaffer_lookupd: one for nodes that register, one for observers of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from gaffer_http.plugin_api import HttpService, get_http_service, needs
from gaffer_kernel import Kernel, Subscription
from quart import Blueprint, websocket

from gaffer_lookup.lookupd.binding import get_binding
from gaffer_lookup.registry import NodeSession
from gaffer_lookup.registry.message_handler import handle_message
from gaffer_lookup.registry.serializers import encode_gap

if TYPE_CHECKING:
    from gaffer_lookup.lookupd.plugin import Lookupd

SERVICE_RESTART = 1012
"""The close code when lookupd shuts down."""

LEASE_EXPIRED = 4408
"""The close code when the node has been silent for longer than its lease."""


def make_websockets(lookupd: Lookupd, kernel: Kernel) -> Blueprint:
    """Make the two websockets."""
    sockets = Blueprint("lookupd_sockets", __name__)

    @sockets.websocket("/ws")
    # A node registers itself, so the permission to read is not enough.
    @needs("write")
    async def node() -> None:
        """Register a node for as long as the websocket lasts."""
        api = get_http_service(kernel)
        node_session = lookupd.registry.connect(api.identity(), get_binding(api.caller()))
        try:
            await websocket.accept()
            await _serve_node(node_session, api)
        finally:
            # On shutdown the whole registry goes: removing a thousand nodes would only delay it.
            if not api.closing.is_set():
                node_session.close()

    @sockets.websocket("/lookup/websocket")
    @needs("read")
    async def observe() -> None:
        """Send every change."""
        async with lookupd.changes.subscribe() as changes:
            await websocket.accept()
            await _send_changes(changes, get_http_service(kernel))

    return sockets


async def _serve_node(node_session: NodeSession, http: HttpService) -> None:
    """Handle the messages of a node until its lease expires; a disconnect cancels this."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_after, nursery, node_session.closed, http)
        nursery.start_soon(_cancel_after, nursery, http.closing, http)
        nursery.start_soon(_handle_messages, node_session)
    await websocket.close(LEASE_EXPIRED if node_session.closed.is_set() else SERVICE_RESTART)


async def _handle_messages(node_session: NodeSession) -> None:
    while True:
        await websocket.send(handle_message(node_session, await websocket.receive()))


async def _send_changes(changes: Subscription, http: HttpService) -> None:
    """Send changes to an observer; a disconnect cancels this."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_after, nursery, http.closing, http)
        nursery.start_soon(_discard_messages)
        dropped = 0
        async for change in changes:
            if changes.dropped > dropped:
                await websocket.send(encode_gap(changes.dropped - dropped))
                dropped = changes.dropped
            await websocket.send(change.data["message"])
    await websocket.close(SERVICE_RESTART)


async def _discard_messages() -> None:
    # The end of the connection is queued behind unread messages.
    while True:
        await websocket.receive()


async def _cancel_after(nursery: trio.Nursery, event: trio.Event, http: HttpService) -> None:
    await event.wait()
    # A client that sends requests without a pause and reads no response would delay the end.
    http.abort_slow_websocket()
    nursery.cancel_scope.cancel()
