"""The listener: accepts many connections in a row when many clients connect at once."""

from __future__ import annotations

import socket
from collections import deque

import trio

MAX_AT_ONCE = 64
"""Connections that are accepted before other tasks run."""


class Listener(trio.abc.Listener[trio.SocketStream]):
    """Accepts from a socket, and takes all waiting connections together with the first.

    One connection for each pass of the scheduler would be too few when a thousand clients reconnect
    at once: the backlog of the system would be full, and a client that finds it full retries only
    after 1, 3, 7 and 15 seconds.

    Args:
        listening: does not block; closed with this object.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        self._accepted: deque[trio.SocketStream] = deque()

    async def accept(self) -> trio.SocketStream:
        """Return the next connection; no other task runs meanwhile if it has been accepted already.

        Raises:
            OSError: no connection can be accepted now.
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
            # EAGAIN: there is no other connection. Any other error is raised again by the next
            # `accept`.
            pass

    async def aclose(self) -> None:
        """Stop accepting."""
        while self._accepted:
            self._accepted.popleft().socket.close()
        await self._listener.aclose()
