"""Websocket clients that send but never read, or lose the network."""

from __future__ import annotations

import ctypes
import select
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

STUCK = 100
"""Checks, 10 ms apart, of a full send buffer after which the server no longer reads.

A chunk that the server has read may keep it busy for a while. Checks are counted and not seconds,
because a server in the same process has a turn between two of them on a busy machine, too.
"""

RECEIVE_BUFFER = 4096
"""SO_RCVBUF of the client, in bytes: the smaller, the sooner the server's writes block."""

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TEXT, PING = 1, 9
SO_ATTACH_FILTER, BPF_RET = 26, 6


def frame(kind: int, data: bytes) -> bytes:
    """Return a frame with less than 126 bytes of data and a mask of zeros."""
    return bytes([0x80 | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


class SlowReader:
    """A websocket client that reads nothing after the handshake."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    async def flood(self, kind: int, data: bytes = b"hello") -> None:
        """Send frames until the server stops reading, because nobody reads its responses."""
        frames = frame(kind, data) * 1000
        unchanged = 0
        while unchanged < STUCK:
            if self._has("POLLOUT"):
                frames = frames[self.socket.send(frames) :] or frame(kind, data) * 1000
                unchanged = 0
                await trio.lowlevel.checkpoint()
            else:
                unchanged += 1
                await trio.sleep(0.01)

    async def read_handshake(self) -> None:
        """Read the start of the handshake response.

        Frames may be sent only after it, and the rest stays unread.
        """
        assert await self._poll("POLLIN", 10)
        assert self.socket.recv(12) == b"HTTP/1.1 101"

    def drop_incoming(self) -> None:
        """Drop all packets from the server before they arrive, as after a loss of power.

        Raises:
            PermissionError: this system lets only root filter packets.
        """
        drop = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(drop))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    async def wait_closed(self, within: float) -> None:
        """Wait until the server has closed the connection (POLLHUP)."""
        assert await self._poll("POLLHUP", within), f"still open after {within} s"

    async def _poll(self, event: str, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            # trio can wait for a socket to become readable or writable, but not for POLLHUP.
            while not self._has(event):  # noqa: ASYNC110
                await trio.sleep(0.01)
            return True
        return False

    def _has(self, event: str) -> bool:
        poll = select.poll()
        poll.register(self.socket, getattr(select, event))
        return bool(poll.poll(0))


@asynccontextmanager
async def open_slow_reader(
    url: str, path: str, token: str | None = None
) -> AsyncIterator[SlowReader]:
    """Open a websocket to a path of a server, with a handshake that the server has accepted.

    Args:
        url: the server, like `http://127.0.0.1:5000`.
        path: a path, like `/channel`.
        token: the bearer token to show.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    shown = f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.connect((host, int(port)))
        sock.setblocking(False)
        sock.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{shown}\r\n".encode())
        client = SlowReader(sock)
        await client.read_handshake()
        yield client
