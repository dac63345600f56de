"""Connections of http.client: over TCP or a unix socket, in the clear or over TLS.

The standard library, because a command that asks one thing should have its answer before anything
else is even imported; httpx2 brings trio along.
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
        tls: what TLS goes by; None for none.
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
        """Connect; the first request does so by itself."""
        if self._address.socket is None:
            super().connect()
        else:
            self.sock = _connected(self._address.socket, self.timeout)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._address.host)

    @property
    def stale(self) -> bool:
        """Whether the other end has closed it while nobody looked."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


def _connected(path: str, timeout: float | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def connecting(settings: Settings) -> Iterator[None]:
    """Raise what goes wrong while connecting as errors of this package."""
    try:
        yield
    except OSError as error:
        raise make_connect_error(settings.address.text, _reason(error)) from None


@contextmanager
def talking(settings: Settings) -> Iterator[None]:
    """Raise what goes wrong later as errors of this package."""
    where = settings.address.text
    try:
        yield
    except (OSError, http.client.IncompleteRead) as error:
        raise ConnectionLostError(where, _reason(error)) from None
    except http.client.HTTPException as error:
        raise NotGafferError(where, str(error) or type(error).__name__) from None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return get_plain_reason(error.strerror)
    return "the connection broke off"
