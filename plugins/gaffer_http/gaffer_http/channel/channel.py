"""The session of one client: reads its messages and passes them on."""

from __future__ import annotations

import trio
from quart import websocket

from gaffer_http.channel.dispatch import Dispatcher
from gaffer_http.channel.messages import (
    Call,
    ClientMessage,
    Credit,
    InvalidMessageError,
    Nop,
    Subscribe,
    Unsubscribe,
    message_failed,
    read,
)
from gaffer_http.channel.outbox import Outbox
from gaffer_http.channel.subscriptions import Subscriptions

DISCONNECT_TIMEOUT = 0.5
"""Seconds that waiting commands may take after the client has disconnected."""


async def serve_channel() -> None:
    """Serve the current websocket until the client disconnects."""
    await websocket.accept()
    async with trio.open_nursery() as nursery:
        await Channel(nursery).run()
        nursery.cancel_scope.cancel()


class Channel:
    """The session of one client.

    Args:
        nursery: for the tasks that run while messages are read.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._outbox = Outbox(websocket.send)
        self._subscriptions = Subscriptions(nursery, self._outbox)
        self._dispatcher = Dispatcher(nursery, self._outbox)

    async def run(self) -> None:
        """Read until the client disconnects, then wait for its last commands."""
        self._nursery.start_soon(self._outbox.run)
        while True:
            try:
                raw = await websocket.receive()
            except trio.EndOfChannel:
                break
            await self._handle(raw)
            await self._outbox.wait_room()
        with trio.move_on_after(DISCONNECT_TIMEOUT):
            await self._dispatcher.wait_done()

    async def _handle(self, raw: str | bytes) -> None:
        try:
            await self._dispatch(read(raw))
        except InvalidMessageError as error:
            self._outbox.answer(message_failed(error))

    async def _dispatch(self, message: ClientMessage) -> None:
        match message:
            case Subscribe():
                await self._subscriptions.subscribe(message)
            case Unsubscribe():
                self._subscriptions.unsubscribe(message)
            case Credit():
                self._subscriptions.add_credit(message)
            case Call():
                self._dispatcher.handle(message)
            case Nop():
                pass
