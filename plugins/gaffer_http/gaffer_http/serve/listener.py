"""Accepting connections, many in a row when many come at once."""

from __future__ import annotations

import socket
from collections import deque

import trio

MAX_AT_ONCE = 64
"""Connections that are accepted before others have their turn."""


class Listener(trio.abc.Listener[trio.SocketStream]):
    """Accepts from a socket, and takes with one connection those that wait behind it.

    One for each turn of all tasks would be too few when a thousand clients come back at once: the
    system's queue would be full, and whoever finds it full tries again only after a second, then
    after three, seven and fifteen.

    Args:
        listening: does not block; closed with this.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        self._accepted: deque[trio.SocketStream] = deque()

    async def accept(self) -> trio.SocketStream:
        """The next connection; no other task runs meanwhile if it has been accepted already.

        Raises:
            OSError: none can be accepted now.
        """
        if not self._accepted:
            self._accepted.append(await self._listener.accept())
            self._accept_more()
        return self._accepted.popleft()

    def _accept_more(self) -> None:
        try:
            for _ in range(MAX_AT_ONCE - 1):
                accepted, _ = self._socket.accept()
                self._accepted.append(trio.SocketStream(trio.socket.from_stdlib_socket(accepted)))
        except OSError:
            # There is no other; or what is wrong is raised again by the next `accept`.
            pass

    async def aclose(self) -> None:
        """Accept no more."""
        while self._accepted:
            self._accepted.popleft().socket.close()
        await self._listener.aclose()
