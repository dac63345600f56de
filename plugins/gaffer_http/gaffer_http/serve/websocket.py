"""Quart's side of a websocket, which delivers the last messages of a client that disconnects."""

from __future__ import annotations

from typing import Any, cast

import trio
from quart_trio.asgi import TrioASGIWebsocketConnection

from gaffer_http.asgi import Scope
from gaffer_http.scope import ConnectionState, RequestContext

DISCONNECT_TIMEOUT = 1.0
"""Seconds that a view with `reads_to_end` may take for the messages sent before the disconnect."""


class WebsocketConnection(TrioASGIWebsocketConnection):
    """Passes the messages of a client to the view.

    Quart's own class cancels the view when the client disconnects, which loses up to ten messages
    sent before, and passes None for an empty message.
    """

    async def handle_messages(  # type: ignore[override]
        self, nursery: trio.Nursery, receive: Any
    ) -> None:
        """Pass on messages; cancel the view after the end.

        If cancelled, the view is cancelled, too: it may be sending to a client that does not read.
        """
        try:
            await self._hand_over(receive)
        except trio.Cancelled:
            self._connection.abort_slow_websocket()
            raise
        nursery.cancel_scope.cancel()

    @property
    def _connection(self) -> ConnectionState:
        return RequestContext(cast(Scope, self.scope)).connection

    async def _hand_over(self, receive: Any) -> None:
        with self.send_channel:
            while (event := await receive())["type"] != "websocket.disconnect":
                if event["type"] == "websocket.receive":
                    data = event.get("bytes")
                    await self.send_channel.send(event["text"] if data is None else data)
        if self._connection.reads_to_end:
            await trio.sleep(DISCONNECT_TIMEOUT)
