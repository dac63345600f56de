"""The listener: accepts many connections in a row when many clients connect at once."""

from __future__ import annotations

import errno
import logging
import socket
from collections import deque
from math import inf

import trio

log = logging.getLogger(__name__)

MAX_AT_ONCE = 64
"""Connections that are accepted before other tasks run."""
RETRY_INTERVAL = 0.1
"""Seconds after which accepting is tried again when the system is short of something."""
REPORT_INTERVAL = 60.0
"""Seconds without a shortage after which the next one is logged."""
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC}


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
        self._last_shortage = -inf

    async def accept(self) -> trio.SocketStream:
        """Return the next connection; no other task runs meanwhile if it has been accepted already.

        In a shortage of descriptors or memory, clients wait in the system's queue until it is over.

        Raises:
            OSError: the socket is broken.
        """
        if not self._accepted:
            self._accepted.append(await self._accept_first())
            self._accept_more()
        return self._accepted.popleft()

    async def _accept_first(self) -> trio.SocketStream:
        while True:
            try:
                return await self._listener.accept()
            except OSError as error:
                if error.errno not in _SHORTAGES:
                    raise
                self._report(error)
                await trio.sleep(RETRY_INTERVAL)

    def _report(self, error: OSError) -> None:
        now = trio.current_time()
        if now - self._last_shortage >= REPORT_INTERVAL:
            log.warning(
                "connections have to wait: %s: close some, or raise the limit of open files",
                error.strerror,
            )
        self._last_shortage = now

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
