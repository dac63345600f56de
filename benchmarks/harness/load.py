"""Concurrent requests: a client that costs little compared with the server that it measures."""

from __future__ import annotations

import socket
import time

RESPONSE_TIMEOUT = 20.0
"""Seconds to wait for one response."""

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


def request(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """Return the bytes of an HTTP/1.1 request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connections:
    """Connections to one port of 127.0.0.1 that all send the same request."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._sockets = [self._connect() for _ in range(number)]

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), RESPONSE_TIMEOUT)

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *error: object) -> None:
        for each in self._sockets:
            each.close()

    def rate(self, asked: bytes, seconds: float) -> float:
        """Answers a second, with one request on each connection at any time.

        Raises:
            RuntimeError: a response is an error.
        """
        for each in self._sockets:
            each.sendall(asked)
        answers = 0
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            for number, each in enumerate(self._sockets):
                if not read_answer(each):
                    # Not every server keeps its connections open.
                    each.close()
                    self._sockets[number] = each = self._connect()
                each.sendall(asked)
                answers += 1
        took = time.perf_counter() - begin
        for each in self._sockets:
            read_answer(each)
        return answers / took


def read_answer(sock: socket.socket) -> bool:
    """Read one response; return whether the connection can be used again.

    Raises:
        RuntimeError: the response is an error, or incomplete.
    """
    data = b""
    while _END not in data:
        data += _more(sock)
    head, _, body = data.partition(_END)
    lines = head.lower().split(b"\r\n")
    if lines[0].split()[1] != b"200":
        raise RuntimeError(f"answered {lines[0].decode()}")
    length = next(int(line[len(_LENGTH) :]) for line in lines if line.startswith(_LENGTH))
    missing = length - len(body)
    while missing > 0:
        missing -= len(_more(sock))
    return b"connection: close" not in lines


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(2**18)
    if not data:
        raise RuntimeError("the server hung up")
    return data
