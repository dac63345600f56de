"""Connections of http.client: over TCP or a unix socket, with or without TLS.

They use the standard library only, because a command with one request should have its response in
less time than the import of httpx2, which imports trio, takes.
"""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gaffer_client.errors import ConnectionLostError, NotGafferError
from gaffer_client.settings import Settings
from gaffer_client.tls_errors import get_plain_reason, make_connect_error

if TYPE_CHECKING:
    import ssl


class Connection(http.client.HTTPConnection):
    """One connection.

    Args:
        settings: the settings of the server.
        tls: the TLS context; None for a connection without TLS.
    """

    def __init__(self, settings: Settings, tls: ssl.SSLContext | None) -> None:
        address = settings.address
        super().__init__(address.host, address.port, timeout=settings.timeout)
        self._address = address
        self._tls = tls
        if tls is not None:
            self.default_port = http.client.HTTPS_PORT
        if address.socket is not None:
            self.port = self.default_port

    def connect(self) -> None:
        """Connect to the server; http.client calls this before the first request."""
        if self._address.socket is None:
            super().connect()
        else:
            self.sock = _connect_unix(self._address.socket, self.timeout)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._address.host)

    @property
    def stale(self) -> bool:
        """Whether the server has closed the idle connection: the socket is readable at EOF."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


def _connect_unix(path: str, timeout: float | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def translate_connect_errors(settings: Settings) -> Iterator[None]:
    """Convert the exceptions of a connection attempt to those of this package."""
    try:
        yield
    except OSError as error:
        raise make_connect_error(settings.address.text, _get_reason(error)) from None


@contextmanager
def translate_errors(settings: Settings) -> Iterator[None]:
    """Convert the exceptions of an open connection to those of this package."""
    address = settings.address.text
    try:
        yield
    except (OSError, http.client.IncompleteRead) as error:
        raise ConnectionLostError(address, _get_reason(error)) from None
    except http.client.HTTPException as error:
        raise NotGafferError(address, str(error) or type(error).__name__) from None


def _get_reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return get_plain_reason(error.strerror)
    return "the connection broke off"
