"""Connections and requests of threads; each thread blocks for its response."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from gaffer_client.requests import Request, Response, check_status
from gaffer_client.settings import Settings

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

    from gaffer_client._sync.connection import Connection

MAX_IDLE = 10
"""Maximum connections that are kept for later requests."""

T = TypeVar("T")


class Stream:
    """A streaming response."""

    def __init__(self, settings: Settings, connection: Connection, response: HTTPResponse) -> None:
        self.settings = settings
        self.media_type = response.headers.get("content-type", "")
        self._connection = connection
        self._response = response

    def receive(self) -> bytes:
        """Receive the next bytes; empty at the end."""
        from gaffer_client._sync.connection import translate_errors

        with translate_errors(self.settings):
            return self._response.read1(64 * 1024)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


class Transport:
    """The connections to one server, opened on demand and reused."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._tls: ssl.SSLContext | None = None

    def send(self, request: Request[T]) -> T:
        """Send a request and return its result."""
        from gaffer_client._sync.connection import translate_errors

        connection, raw = self._open(request, self.settings.timeout + request.extra_timeout)
        try:
            with translate_errors(self.settings):
                response = self._read(raw)
        except BaseException:
            connection.close()
            raise
        self._release(connection)
        return request.parse(response)

    def open_stream(self, request: Request[Any], read_timeout: float) -> Stream:
        """Send a request and return its streaming response, which the caller closes.

        Args:
            request: the request.
            read_timeout: seconds without a byte after which the connection counts as lost.
        """
        connection, raw = self._open(request, read_timeout)
        if 200 <= raw.status < 300:
            return Stream(self.settings, connection, raw)
        try:
            check_status(self._read(raw))
        finally:
            connection.close()
        raise AssertionError(raw.status)

    def _open(self, request: Request[Any], read_timeout: float) -> tuple[Connection, HTTPResponse]:
        from gaffer_client._sync.connection import translate_errors

        connection = self._acquire()
        headers = {**self.settings.headers, **request.headers}
        target = self.settings.address.prefix + request.target
        try:
            with translate_errors(self.settings):
                connection.sock.settimeout(self.settings.timeout)
                connection.request(request.method, target, request.body, headers)
                connection.sock.settimeout(read_timeout)
                return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def _acquire(self) -> Connection:
        """Return an idle connection that is still open, or a new one."""
        from gaffer_client._sync.connection import Connection, translate_connect_errors

        while (idle := self._pop_idle()) is not None:
            if not idle.stale:
                return idle
            idle.close()
        if self._tls is None:
            self._tls = self.settings.tls()
        connection = Connection(self.settings, self._tls)
        try:
            with translate_connect_errors(self.settings):
                connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, raw: HTTPResponse) -> Response:
        headers = {name.lower(): value for name, value in raw.headers.items()}
        return Response(self.settings.address.text, raw.status, headers, raw.read())

    def _pop_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _release(self, connection: Connection) -> None:
        with self._lock:
            # http.client sets `sock` to None when the server will close the connection.
            if connection.sock is not None and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        while (idle := self._pop_idle()) is not None:
            idle.close()

    # So that a short script need not close its server.
    __del__ = close
