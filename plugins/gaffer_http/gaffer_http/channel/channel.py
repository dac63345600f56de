"""The conversation with one client: what it says is read, and handed on."""

from __future__ import annotations

import trio
from quart import websocket

from gaffer_http.channel.dispatch import Dispatcher
from gaffer_http.channel.messages import (
    Call,
    Credit,
    InvalidMessageError,
    Nop,
    Said,
    Subscribe,
    Unsubscribe,
    invalid,
    read,
)
from gaffer_http.channel.outbox import Outbox
from gaffer_http.channel.subscriptions import Subscriptions

LAST_COMMANDS_TIMEOUT = 0.5
"""Seconds that commands may take that wait when the client has gone."""


async def talk() -> None:
    """Serve the current websocket until the client goes."""
    await websocket.accept()
    async with trio.open_nursery() as nursery:
        await Channel(nursery).run()
        nursery.cancel_scope.cancel()


class Channel:
    """One client.

    Args:
        nursery: for what goes on beside reading.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._outbox = Outbox(websocket.send)
        self._subscriptions = Subscriptions(nursery, self._outbox)
        self._dispatcher = Dispatcher(nursery, self._outbox)

    async def run(self) -> None:
        """Read until the client goes; what it has asked for last still gets a moment."""
        self._nursery.start_soon(self._outbox.run)
        while True:
            try:
                raw = await websocket.receive()
            except trio.EndOfChannel:
                break
            await self._hear(raw)
            await self._outbox.wait_room()
        with trio.move_on_after(LAST_COMMANDS_TIMEOUT):
            await self._dispatcher.wait_done()

    async def _hear(self, raw: str | bytes) -> None:
        try:
            await self._obey(read(raw))
        except InvalidMessageError as error:
            self._outbox.answer(invalid(error))

    async def _obey(self, said: Said) -> None:
        match said:
            case Subscribe():
                await self._subscriptions.subscribe(said)
            case Unsubscribe():
                self._subscriptions.unsubscribe(said)
            case Credit():
                self._subscriptions.add_credit(said)
            case Call():
                self._dispatcher.handle(said)
            case Nop():
                pass
