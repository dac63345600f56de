"""The socket of a connection, on which nobody can be stuck, neither sending nor closing."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf

import trio

SEND_TIMEOUT = 30.0
"""Seconds a peer has to take the next PIECE of what it is sent."""

LAST_SEND_TIMEOUT = 0.5
"""The same once the server is closing."""

PIECE = 65536

MAX_READ = 4096
"""Bytes to read at a time, if the reader does not say: TLS does not, and processes all of them."""

_RESET = struct.pack("ii", 1, 0)
"""To close resets the connection."""


class Transport(trio.abc.HalfCloseableStream):
    """A stream over a socket, with a bound on every wait.

    hypercorn sends under a shield, so that not even cancelling ends a send to a peer that never
    reads. Here each send has a deadline of its own, and `kill` breaks it from outside.

    Args:
        stream: what was accepted; closed with `close`.
        on_end: called when the peer has ended its half, or everything, or is given up.

    Attributes:
        is_over: whether nothing can be sent any more.
    """

    def __init__(self, stream: trio.SocketStream, on_end: Callable[[], None]) -> None:
        self.socket = stream.socket
        self.is_over = False
        self._stream = stream
        self._on_end = on_end
        self._closed = False
        self._killed = False
        self._patience = SEND_TIMEOUT
        self._answer_by = inf
        self._sending: set[trio.CancelScope] = set()
        self._meter: Callable[[], Awaitable[None]] | None = None

    @contextmanager
    def patience(self, seconds: float = inf) -> Iterator[trio.CancelScope]:
        """A scope that is cancelled when the peer has not taken in time what is sent in it.

        Args:
            seconds: how long that is, if it is less than usual.
        """
        deadline = trio.current_time() + min(seconds, self._patience)
        with trio.CancelScope(deadline=min(deadline, self._answer_by)) as scope:
            self._sending.add(scope)
            try:
                yield scope
            finally:
                self._sending.discard(scope)

    def hurry(self, seconds: float) -> None:
        """Have less patience from now on, also with what is being sent: this is about to end."""
        self._patience = min(self._patience, seconds)
        for scope in self._sending:
            scope.deadline = min(scope.deadline, trio.current_time() + self._patience)

    def answer_by(self, deadline: float) -> None:
        """Give up a peer that has not taken by then what is sent; until this is called again.

        It holds for what is sent from now on.
        """
        self._answer_by = deadline

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            BrokenResourceError: the peer is gone, or took nothing for SEND_TIMEOUT.
        """
        self._check_open()
        for start in range(0, len(data), PIECE):
            try:
                with self.patience() as scope:
                    await self._stream.send_all(memoryview(data)[start : start + PIECE])
            except trio.BrokenResourceError:
                self._give_up()
                raise
            if scope.cancelled_caught:
                self._forget_unread()
                self._give_up()
                raise trio.BrokenResourceError("the peer does not read")

    @contextmanager
    def metered(self, meter: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """Let input pass only after a function has been called, as long as the block lasts."""
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
        """Wait for the next bytes; none at the end."""
        self._check_open()
        data = b""
        try:
            received = await self._stream.receive_some(max_bytes or MAX_READ)
            # The system accepts more from a peer even after a shutdown in both directions.
            data = b"" if self._killed else received
        finally:
            if not data:
                self._on_end()
        if self._meter is not None:
            await self._meter()
        return data

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        self._check_open()
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Say goodbye: no more is sent or received here, but the socket stays open for `drain`."""
        if not self._closed:
            self._closed = self.is_over = True
            trio.lowlevel.notify_closing(self.socket)
            self._shutdown(socket.SHUT_WR)
        await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Swallow what the peer still sends, until it closes or the caller cancels.

        Nothing is to be swallowed of one whose connection was broken here.

        To close a socket with unread bytes resets the connection, and the peer may lose the answer
        that it has not read yet: a refusal of a large upload, for example.
        """
        try:
            while not self._killed and await self._stream.receive_some(PIECE):
                pass
        except trio.BrokenResourceError:
            pass  # a reset is also an end

    def hung_up(self) -> bool:
        """Whether the peer has ended its half, even if there is still something to read."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return self.is_over or bool(poll.poll(0))

    def kill(self) -> None:
        """Break the connection: who waits for it gets an error or the end of the stream."""
        self.is_over = self._killed = True
        self._shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back to the system."""
        self.socket.close()

    def _give_up(self) -> None:
        self.kill()
        # hypercorn may be unable to tell the application, which has not taken what came before.
        self._on_end()

    def _forget_unread(self) -> None:
        # Else the system would keep what the peer has not taken, and go on offering it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed here")

    def _shutdown(self, how: int) -> None:
        try:
            self.socket.shutdown(how)
        except OSError:
            pass  # the peer was faster
