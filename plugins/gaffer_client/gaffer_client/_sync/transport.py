"""Requests, one thread waiting for each."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from gaffer_client.requests import Request, Response, check
from gaffer_client.settings import Settings

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

    from gaffer_client._sync.connection import Connection

MAX_IDLE = 10
"""Connections that are kept for the next request."""

T = TypeVar("T")


class Stream:
    """An answer that goes on. Its end is told with the first empty piece."""

    def __init__(self, settings: Settings, connection: Connection, response: HTTPResponse) -> None:
        self.settings = settings
        self.media = response.headers.get("content-type", "")
        self._connection = connection
        self._response = response

    def receive(self) -> bytes:
        """The next bytes; none at the end."""
        from gaffer_client._sync.connection import talking

        with talking(self.settings):
            return self._response.read1(64 * 1024)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


class Transport:
    """The connections to one server. They are opened as they are needed, and used again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._tls: ssl.SSLContext | None = None

    def ask(self, request: Request[T]) -> T:
        """Make a request and return what its answer means."""
        from gaffer_client._sync.connection import talking

        connection, response = self._send(request, self.settings.timeout + request.more)
        try:
            with talking(self.settings):
                reply = self._reply(response)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return request.result(reply)

    def open(self, request: Request[Any], silence: float) -> Stream:
        """Make a request whose answer goes on; to be closed.

        Args:
            silence: seconds without a byte after which it counts as dead.
        """
        connection, response = self._send(request, silence)
        if 200 <= response.status < 300:
            return Stream(self.settings, connection, response)
        try:
            check(self._reply(response))
        finally:
            connection.close()
        raise AssertionError(response.status)

    def _send(self, request: Request[Any], silence: float) -> tuple[Connection, HTTPResponse]:
        from gaffer_client._sync.connection import talking

        connection = self._connected()
        headers = {**self.settings.headers, **request.headers}
        target = self.settings.address.prefix + request.target
        try:
            with talking(self.settings):
                connection.sock.settimeout(self.settings.timeout)
                connection.request(request.method, target, request.body, headers)
                connection.sock.settimeout(silence)
                return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def _connected(self) -> Connection:
        """A connection that is there: one of those kept, or a new one."""
        from gaffer_client._sync.connection import Connection, connecting

        while (kept := self._kept()) is not None:
            if not kept.stale:
                return kept
            kept.close()
        if self._tls is None:
            self._tls = self.settings.tls()
        connection = Connection(self.settings, self._tls)
        try:
            with connecting(self.settings):
                connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _reply(self, response: HTTPResponse) -> Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(self.settings.address.text, response.status, headers, response.read())

    def _kept(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            # Without a socket, the answer was the last one.
            if connection.sock is not None and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all connections that nobody is using."""
        while (kept := self._kept()) is not None:
            kept.close()

    # A short script need not say that it is done with its server.
    __del__ = close
