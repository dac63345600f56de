"""A websocket client that sends without reading, or whose connection becomes half open."""

import ctypes
import select
import socket
import struct
from contextlib import asynccontextmanager

import trio

STUCK = 1.5
"""Seconds without EPOLLOUT after which the peer counts as blocked: it may be busy with one piece
of input for a while.
"""

ROOM = 4096
"""SO_RCVBUF: the smaller it is, the sooner the peer blocks."""

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TEXT, PING = 1, 9
SO_ATTACH_FILTER, BPF_RET = 26, 6


def frame(kind, data):
    """Return a frame of less than 126 bytes, with a mask of zeros."""
    return bytes([0x80 | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


class SlowReader:
    """One connection that is never read after the handshake."""

    def __init__(self, sock):
        self.socket = sock

    async def flood(self, kind, data=b"hello"):
        """Send until the peer reads nothing any longer, because it cannot send its replies."""
        pending = frame(kind, data) * 1000
        while await self._has("POLLOUT", STUCK):
            pending = pending[self.socket.send(pending) :] or frame(kind, data) * 1000

    async def wait_accepted(self):
        """Read the response to the handshake: nothing may be sent before it, nor read after it."""
        assert await self._has("POLLIN", 10)
        assert self.socket.recv(12) == b"HTTP/1.1 101"

    def drop_incoming(self):
        """Drop all incoming packets with a BPF filter, as after a loss of network or power."""
        drop = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(drop))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    async def wait_closed(self, within):
        """Wait until the peer has closed the connection (POLLHUP)."""
        assert await self._has("POLLHUP", within), f"still open after {within} s"

    async def _has(self, what, seconds):
        poll = select.poll()
        poll.register(self.socket, getattr(select, what))
        with trio.move_on_after(seconds):
            # trio.lowlevel.wait_readable() knows no POLLHUP, so poll.
            while not poll.poll(0):
                await trio.sleep(0.01)
            return True
        return False


@asynccontextmanager
async def open_slow_reader(url, path, token=None):
    """Open a websocket to a URL such as `http://127.0.0.1:5000` and a path such as `/channel`."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    token_header = f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        sock.connect((host, int(port)))
        sock.setblocking(False)
        sock.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{token_header}\r\n".encode())
        client = SlowReader(sock)
        await client.wait_accepted()
        yield client
