"""Websocket clients that are bad company: one talks and reads nothing, another is cut off."""

import ctypes
import select
import socket
import struct
from contextlib import asynccontextmanager

import trio

STUCK = 1.5
"""Seconds without room to send after which nobody reads at the other end: one piece that it has
read may keep it busy for a while.
"""

ROOM = 4096
"""Bytes that the system takes for it: the less, the sooner the other end is stuck."""

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TEXT, PING = 1, 9
SO_ATTACH_FILTER, BPF_RET = 26, 6


def frame(kind, data):
    """A frame of less than 126 bytes, masked with nothing."""
    return bytes([0x80 | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


class Deaf:
    """One connection."""

    def __init__(self, sock):
        self.socket = sock

    async def flood(self, kind, data=b"hello"):
        """Talk until the other end takes no more, as it cannot get rid of what it answers."""
        said = frame(kind, data) * 1000
        while await self._has("POLLOUT", STUCK):
            said = said[self.socket.send(said) :] or frame(kind, data) * 1000

    async def accepted(self):
        """Read the answer to the handshake: nothing may be said before it, nor read after it."""
        assert await self._has("POLLIN", 10)
        assert self.socket.recv(12) == b"HTTP/1.1 101"

    def lose(self):
        """Lose the network, or all power: what the other end sends does not even arrive."""
        drop = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(drop))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    async def ended(self, within):
        """Wait until the system knows that the other end has broken the connection."""
        assert await self._has("POLLHUP", within), f"still open after {within} s"

    async def _has(self, what, seconds):
        poll = select.poll()
        poll.register(self.socket, getattr(select, what))
        with trio.move_on_after(seconds):
            # To wait for the socket, as trio does, would need its own.
            while not poll.poll(0):
                await trio.sleep(0.01)
            return True
        return False


@asynccontextmanager
async def deaf(url, path, token=None):
    """A websocket, accepted: `async with deaf("http://127.0.0.1:5000", "/channel") as client`."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    shown = f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        sock.connect((host, int(port)))
        sock.setblocking(False)
        sock.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{shown}\r\n".encode())
        client = Deaf(sock)
        await client.accepted()
        yield client
