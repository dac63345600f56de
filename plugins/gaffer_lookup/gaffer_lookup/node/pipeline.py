"""The messages that wait for their replies on one connection. Replies come in order."""

from __future__ import annotations

from collections import deque
from math import inf

import msgspec
import trio
from gaffer_client.channel.websocket import WebSocket
from gaffer_client.errors import ConnectionLostError, NotGafferError, make_response_error

from gaffer_lookup.protocol import Message, Reply, encode_message

WINDOW = 16
"""Messages that may wait for their replies."""

MAX_SHOWN = 300
"""Characters of a reason: it goes into the log."""


class Pipeline:
    """Sends messages over one connection to a lookupd, and matches the replies.

    Args:
        address: of the lookupd, for errors.
        socket: the connection.
        ack_timeout: seconds until each message must have its reply.
    """

    def __init__(self, address: str, socket: WebSocket, ack_timeout: float) -> None:
        self._address = address
        self._socket = socket
        self._ack_timeout = ack_timeout
        self._waiting: deque[tuple[str | int, float]] = deque()
        self._replied = trio.lowlevel.ParkingLot()

    @property
    def deadline(self) -> float:
        """When the next reply is overdue."""
        return self._waiting[0][1] if self._waiting else inf

    async def send(self, message: Message) -> None:
        """Send a message, once fewer than WINDOW messages wait for a reply.

        Raises:
            ClientError: the connection is lost.
        """
        while len(self._waiting) >= WINDOW:
            await self._wait_for_reply()
        self._waiting.append((message.msgid, trio.current_time() + self._ack_timeout))
        await self._socket.send(encode_message(message))

    async def drain(self) -> None:
        """Wait until every message has its reply.

        Raises:
            ConnectionLostError: a reply does not come in time.
        """
        while self._waiting:
            await self._wait_for_reply()

    async def _wait_for_reply(self) -> None:
        with trio.CancelScope(deadline=self.deadline):
            await self._replied.park()
        self.check_deadline()

    def check_deadline(self) -> None:
        """Raise a ConnectionLostError if a reply is overdue."""
        if self.deadline <= trio.current_time():
            raise ConnectionLostError(self._address, "no answer in time")

    async def receive_replies(self) -> None:
        """Receive replies until one of them is an error, or the connection is lost.

        Raises:
            ResponseError: a reply is an error.
            NotGafferError: a reply is invalid.
            ConnectionLostError: the connection has ended.
        """
        while True:
            self._handle_reply(await self._socket.receive())
            self._replied.unpark_all()

    def _handle_reply(self, raw: str) -> None:
        try:
            reply = msgspec.json.decode(raw, type=Reply)
        except (ValueError, RecursionError):
            raise NotGafferError(self._address, "invalid reply") from None
        msgid = self._waiting.popleft()[0] if self._waiting else None
        if reply.msgid != msgid or msgid is None:
            raise NotGafferError(self._address, "reply to an unknown message")
        if not reply.ok:
            reason = reply.message or reply.reason or "no reason is given"
            word = reply.reason or "refused"
            raise make_response_error(reply.errno or 500, word[:MAX_SHOWN], reason[:MAX_SHOWN])
