"""Quart's side of a websocket, where the last messages of a client that goes are not lost."""

from __future__ import annotations

from typing import Any, cast

import trio
from quart_trio.asgi import TrioASGIWebsocketConnection

from gaffer_http.asgi import Scope
from gaffer_http.scope import ConnectionState, RequestContext

LAST_MESSAGES_TIMEOUT = 1.0
"""Seconds that such a view may take for what came before the client went."""


class WebsocketConnection(TrioASGIWebsocketConnection):
    """Hands the messages of a client to the view.

    Quart's own cancels the view when the client goes, with ten messages before it, and hands over
    None for one that is empty.
    """

    async def handle_messages(  # type: ignore[override]
        self, nursery: trio.Nursery, receive: Any
    ) -> None:
        """Hand over what comes; cancel the view after the end.

        If cancelled, so is the view, which may be sending to a client that does not read.
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
            await trio.sleep(LAST_MESSAGES_TIMEOUT)
