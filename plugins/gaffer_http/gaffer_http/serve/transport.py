"""The stream over a socket, with a deadline on every wait for the peer."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf

import trio

SEND_TIMEOUT = 30.0
"""Seconds a peer has to take the next MAX_PIECE bytes."""

CLOSING_SEND_TIMEOUT = 0.5
"""The same once the server is closing."""

MIN_SEND_TIMEOUT = 0.1
"""The same for an answer that is late already.

This program may have been late, not the peer: on a busy machine, or while a plugin blocked the
event loop. The system takes at once what there is room for.
"""

MAX_PIECE = 65536

MAX_READ = 4096
"""Bytes to read at a time if the reader does not say: TLS does not, and processes all of them."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of 0: closing the socket resets the connection."""


class Transport(trio.abc.HalfCloseableStream):
    """A stream over a socket, with a deadline on every wait for the peer.

    hypercorn sends under a shield, so not even cancellation ends a send to a peer that never reads.
    Here each send has a deadline of its own, and `kill` breaks it from outside.

    Args:
        stream: the accepted connection; closed with `close`.
        on_end: called when the peer has closed its half or the connection, or was given up.

    Attributes:
        is_over: whether nothing can be sent any longer.
    """

    def __init__(self, stream: trio.SocketStream, on_end: Callable[[], None]) -> None:
        self.socket = stream.socket
        self.is_over = False
        self._stream = stream
        self._on_end = on_end
        self._closed = False
        self._killed = False
        self._send_timeout = SEND_TIMEOUT
        self._answer_by = inf
        self._sending: set[trio.CancelScope] = set()
        self._meter: Callable[[], Awaitable[None]] | None = None

    @contextmanager
    def send_deadline(self, seconds: float = inf) -> Iterator[trio.CancelScope]:
        """Return a scope that is cancelled if the peer does not take what is sent in it in time.

        Args:
            seconds: how long the peer has, if that is less than usual.
        """
        now = trio.current_time()
        answer_by = max(self._answer_by, now + MIN_SEND_TIMEOUT)
        deadline = min(now + min(seconds, self._send_timeout), answer_by)
        with trio.CancelScope(deadline=deadline) as scope:
            self._sending.add(scope)
            try:
                yield scope
            finally:
                self._sending.discard(scope)

    def shorten_deadline(self, seconds: float) -> None:
        """Shorten the deadline of every send from now on, also of those in progress."""
        self._send_timeout = min(self._send_timeout, seconds)
        for scope in self._sending:
            scope.deadline = min(scope.deadline, trio.current_time() + self._send_timeout)

    def set_answer_deadline(self, deadline: float) -> None:
        """Set the latest deadline for everything that is sent from now on; `inf` removes it."""
        self._answer_by = deadline

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            BrokenResourceError: the peer is gone, or took nothing for SEND_TIMEOUT.
        """
        self._check_open()
        for start in range(0, len(data), MAX_PIECE):
            try:
                with self.send_deadline() as scope:
                    await self._stream.send_all(memoryview(data)[start : start + MAX_PIECE])
            except trio.BrokenResourceError:
                self._give_up()
                raise
            if scope.cancelled_caught:
                self._discard_unsent()
                self._give_up()
                raise trio.BrokenResourceError("the peer does not read")

    @contextmanager
    def metered(self, meter: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """Call a function after each read, before its data is passed on, while the block lasts."""
        self._meter = meter
        try:
            yield
        finally:
            self._meter = None

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room to send."""
        self._check_open()
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes; none at the end."""
        self._check_open()
        data = b""
        try:
            received = await self._stream.receive_some(max_bytes or MAX_READ)
            # The system accepts more from a peer even after shutdown(SHUT_RDWR).
            data = b"" if self._killed else received
        finally:
            if not data:
                self._on_end()
        if self._meter is not None:
            await self._meter()
        return data

    async def send_eof(self) -> None:
        """Close the sending half."""
        self._check_open()
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the sending half and stop receiving; the socket stays open for `drain`."""
        if not self._closed:
            self._closed = self.is_over = True
            trio.lowlevel.notify_closing(self.socket)
            self._shutdown(socket.SHUT_WR)
        await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Read and discard what the peer still sends, until it closes or the caller cancels.

        Nothing is read if the connection was broken here.

        Closing a socket with unread bytes resets the connection, and the peer may lose a response
        that it has not read yet: the refusal of a large upload, for example.
        """
        try:
            while not self._killed and await self._stream.receive_some(MAX_PIECE):
                pass
        except trio.BrokenResourceError:
            # A reset is an end, too.
            pass

    def hung_up(self) -> bool:
        """Return whether the peer has closed its half, even if there is still something to read."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return self.is_over or bool(poll.poll(0))

    def kill(self) -> None:
        """Break the connection: tasks that wait for it get an error or the end of the stream."""
        self.is_over = self._killed = True
        self._shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _give_up(self) -> None:
        self.kill()
        # hypercorn cannot always notify the application: it may still be waiting to take earlier
        # input.
        self._on_end()

    def _discard_unsent(self) -> None:
        # Otherwise the system keeps what the peer has not taken, and goes on offering it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed here")

    def _shutdown(self, how: int) -> None:
        try:
            self.socket.shutdown(how)
        except OSError:
            # The peer has disconnected already.
            pass
