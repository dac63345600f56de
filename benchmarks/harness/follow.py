"""Answers that go on: connections from which nothing but bytes are read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 20.0
"""Seconds of silence."""


@contextmanager
def following(port: int, path: str) -> Iterator[socket.socket]:
    """A connection on which an answer comes, its head already read.

    HTTP/1.0 has no chunks, so that what follows are the bytes of the answer and nothing else.

    Raises:
        RuntimeError: the answer is an error.
    """
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := sock.recv(1)):
                raise RuntimeError("the server hung up")
            head += byte
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"answered {head!r}")
        yield sock


def count_bytes(sock: socket.socket) -> int:
    """Read to the end; how many there were."""
    buffer = bytearray(2**20)
    total = 0
    while size := sock.recv_into(buffer):
        total += size
    return total
