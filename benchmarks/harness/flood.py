"""A client that sends frames, chunks or requests of a few bytes until it is killed.

`python flood.py KIND PORT CONNECTIONS`. A connection that ends is opened again.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable

HANDSHAKE_TIMEOUT = 20.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET /channel HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# GET https://127.0.0.1/ping, in HPACK without its tables.
HEADERS = b"\x82\x87\x04\x05/ping\x01\x09127.0.0.1"


def _frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload


def _message(kind: int, data: bytes = b"", final: bool = True) -> bytes:
    return bytes([0x80 * final | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


def _resets() -> bytes:
    pairs = (
        _frame(1, 5, number, HEADERS) + _frame(3, 0, number, bytes(4))
        for number in range(1, 4000, 2)
    )
    return PREFACE + _frame(4) + b"".join(pairs)


_FRAGMENTS = _message(1, b"", False) + _message(0, b"", False) * 1000 + _message(0, b"")
_START = PREFACE + _frame(4)

KINDS: dict[str, tuple[bytes, bytes]] = {
    "h2_settings": (_START, _frame(4)),
    "h2_settings_ack": (_START, _frame(4, 1)),
    "h2_ping_ack": (_START, _frame(6, 1, 0, bytes(8))),
    "h2_priority": (_START, _frame(2, 0, 1, b"\0\0\0\0\x10")),
    "h2_unknown": (_START, _frame(0xBB)),
    "h2_resets": (_resets(), b""),
    "tls_http1": (b"", GET),
    "get": (b"", GET),
    "newlines": (b"", b"\r\n"),
    "prior_knowledge": (_START, _frame(4)),
    "chunks": (POST, b"1\r\n \r\n"),
    "ws_fragments": (UPGRADE, _FRAGMENTS),
    "ws_pongs": (UPGRADE, _message(10)),
    "ws_pings": (UPGRADE, _message(9)),
    "ws_tiny": (UPGRADE, _message(1, b"{}")),
}
"""For each kind: the bytes sent once, and the bytes sent repeatedly."""


def _is_tls(kind: str) -> bool:
    return kind.startswith(("h2_", "tls_"))


class _Flooder:
    def __init__(self, kind: str, port: int) -> None:
        self._kind = kind
        self._port = port
        self._first, self._again = KINDS[kind]
        self._again *= max(1, 65536 // max(1, len(self._again)))
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), HANDSHAKE_TIMEOUT)
        if _is_tls(self._kind):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2" if self._kind.startswith("h2_") else "http/1.1"])
            sock = context.wrap_socket(sock)
        sock.sendall(self._first)
        if self._first == UPGRADE:
            sock.recv(4096)
        sock.setblocking(False)
        self._data = self._again
        return sock

    def step(self) -> None:
        """Send as much as the socket accepts, and read what has arrived."""
        for action in (self._read, self._send):
            try:
                action()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass

    def _read(self) -> None:
        if not self.socket.recv(65536):
            raise ConnectionError

    def _send(self) -> None:
        if self._data:
            # After SSLWantWriteError, OpenSSL requires the same bytes again.
            sent = self.socket.send(self._data)
            self._data = self._data[sent:] or self._again


def flood(kind: str, port: int, number: int, note: Callable[[], None]) -> None:
    """Send on `number` connections, forever.

    Args:
        note: called when all connections are open.
    """
    selector = selectors.DefaultSelector()

    def connect() -> None:
        flooder = _Flooder(kind, port)
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        events = both if flooder._data else selectors.EVENT_READ
        selector.register(flooder.socket, events, flooder)

    for _ in range(number):
        connect()
    note()
    while True:
        for key, _ in selector.select():
            try:
                key.data.step()
            except OSError:
                selector.unregister(key.fileobj)
                key.data.socket.close()
                try:
                    connect()
                except OSError:
                    time.sleep(0.1)
        if not selector.get_map():
            connect()


if __name__ == "__main__":
    flood(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), lambda: print("open", flush=True))
