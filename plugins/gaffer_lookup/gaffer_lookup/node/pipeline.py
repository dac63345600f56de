"""What is under way on one connection: words that wait for their answers, each in its turn."""

from __future__ import annotations

from collections import deque
from math import inf

import msgspec
import trio
from gaffer_client.channel.websocket import WebSocket
from gaffer_client.errors import ConnectionLostError, NotGafferError, make_response_error

from gaffer_lookup.protocol import Answer, Said, say

WINDOW = 16
"""Words that may wait for their answers."""

MAX_SHOWN = 300
"""Characters of a reason: it goes into the log."""


class Dialogue:
    """One connection to a lookupd, from its beginning to its end.

    Args:
        address: of the lookupd, for errors.
        socket: the connection.
        patience: seconds for the answer to each word.
    """

    def __init__(self, address: str, socket: WebSocket, patience: float) -> None:
        self._address = address
        self._socket = socket
        self._patience = patience
        self._waiting: deque[tuple[str | int, float]] = deque()
        self._answered = trio.lowlevel.ParkingLot()

    @property
    def overdue(self) -> float:
        """When the first answer that is awaited comes too late."""
        return self._waiting[0][1] if self._waiting else inf

    async def say(self, said: Said) -> None:
        """Say something, as soon as not too much waits for an answer.

        Raises:
            ClientError: the connection is lost.
        """
        while len(self._waiting) >= WINDOW:
            await self._wait_for_answer()
        self._waiting.append((said.msgid, trio.current_time() + self._patience))
        await self._socket.send(say(said))

    async def settle(self) -> None:
        """Wait until everything is answered.

        Raises:
            ConnectionLostError: an answer does not come in time.
        """
        while self._waiting:
            await self._wait_for_answer()

    async def _wait_for_answer(self) -> None:
        with trio.CancelScope(deadline=self.overdue):
            await self._answered.park()
        self.check()

    def check(self) -> None:
        """Raise a ConnectionLostError if an answer is overdue."""
        if self.overdue <= trio.current_time():
            raise ConnectionLostError(self._address, "no answer in time")

    async def hear(self) -> None:
        """Hear answers until one of them is an error, or the connection is lost.

        Raises:
            Refused: the answer is no.
            NotGafferError: it is none.
            ConnectionLostError: there are no more.
        """
        while True:
            self._take(await self._socket.receive())
            self._answered.unpark_all()

    def _take(self, raw: str) -> None:
        try:
            answer = msgspec.json.decode(raw, type=Answer)
        except (ValueError, RecursionError):
            raise NotGafferError(self._address, "an answer means nothing") from None
        msgid = self._waiting.popleft()[0] if self._waiting else None
        if answer.msgid != msgid or msgid is None:
            raise NotGafferError(self._address, "an answer to what nobody has said")
        if not answer.ok:
            reason = answer.message or answer.reason or "no reason is given"
            word = answer.reason or "refused"
            raise make_response_error(answer.errno or 500, word[:MAX_SHOWN], reason[:MAX_SHOWN])
