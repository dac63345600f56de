"""Streaming responses, read as bytes from a bare socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

READ_TIMEOUT = 20.0
"""Seconds without a byte."""


@contextmanager
def following(port: int, path: str) -> Iterator[socket.socket]:
    """Open a connection on which a chunked response arrives; its head is read already.

    Raises:
        RuntimeError: the response is an error.
    """
    with socket.create_connection(("127.0.0.1", port), READ_TIMEOUT) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := sock.recv(1)):
                raise RuntimeError("the server hung up")
            head += byte
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"answered {head!r}")
        yield sock


def count_bytes(sock: socket.socket) -> int:
    """Read the chunks of a response to its end; return how many bytes they hold."""
    buffer = bytearray(2**20)
    total = 0
    with sock.makefile("rb", buffering=2**18) as stream:
        while left := int(stream.readline(), 16):
            total += left
            while left:
                left -= stream.readinto(memoryview(buffer)[: min(left, len(buffer))])
            stream.readline()
    return total
