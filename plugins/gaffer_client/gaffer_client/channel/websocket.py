"""One websocket connection, in which every wait has a timeout."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from gaffer_client._async.transport import AsyncTransport, translate_errors
from gaffer_client.errors import ConnectionLostError, NotGafferError
from gaffer_client.requests import Request, Response, check_settled, check_status
from gaffer_client.settings import Settings

if TYPE_CHECKING:
    import httpcore2
    import wsproto.connection

MAX_MESSAGE = 16 * 1024 * 1024
"""Maximum bytes of one message."""

_READ_SIZE = 64 * 1024
_CLOSE_TIMEOUT = 1.0
"""Seconds to send the close frame."""


@asynccontextmanager
async def open_websocket(
    transport: AsyncTransport, path: str, heartbeat: float, handshake_timeout: float | None = None
) -> AsyncIterator[WebSocket]:
    """Open a websocket for the duration of a block.

    Args:
        transport: the connections to the server.
        path: the path of the websocket.
        heartbeat: seconds without data after which a ping is sent; after as many more without
            data, the connection counts as lost.
        handshake_timeout: seconds for the upgrade of an open connection; the timeout of the
            transport if not given.
    """
    import base64
    import secrets

    from wsproto.utilities import generate_accept_token

    key = base64.b64encode(secrets.token_bytes(16))
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": key.decode(),
        "sec-websocket-version": "13",
    }
    request = Request(method="GET", path=path, read=check_settled, headers=headers)
    settings = transport.settings
    async with transport.open_response(request, handshake_timeout or settings.timeout) as response:
        names = {name.lower(): value for name, value in response.headers}
        if response.status != 101:
            with translate_errors(settings):
                body = await response.aread()
            check_status(Response(settings.address.text, response.status, {}, body))
        if names.get(b"sec-websocket-accept") != generate_accept_token(key):
            raise NotGafferError(settings.address.text, "the server does not open the websocket")
        socket = WebSocket(settings, response.extensions["network_stream"], heartbeat)
        try:
            yield socket
        finally:
            with trio.CancelScope(deadline=trio.current_time() + _CLOSE_TIMEOUT, shield=True):
                await socket.aclose()


class WebSocket:
    """One websocket. One task receives; several may send."""

    def __init__(
        self, settings: Settings, stream: httpcore2.AsyncNetworkStream, heartbeat: float
    ) -> None:
        import wsproto.connection

        self._settings = settings
        self._address = settings.address.text
        self._stream = stream
        self._heartbeat = heartbeat
        self._lock = trio.Lock()
        self._wire: wsproto.connection.Connection = wsproto.connection.Connection(
            wsproto.connection.ConnectionType.CLIENT
        )
        self._ready: deque[str] = deque()
        self._parts: list[str] = []
        self._length = 0
        self._closed: str | None = None

    async def send(self, text: str) -> None:
        """Send a message.

        Raises:
            ConnectionLostError: the message could not be sent.
        """
        import wsproto.events

        await self._write(wsproto.events.TextMessage(text))

    async def receive(self) -> str:
        """Receive the next message.

        Raises:
            ConnectionLostError: the connection is closed or lost.
        """
        while not self._ready:
            if self._closed is not None:
                raise ConnectionLostError(self._address, self._closed)
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        import wsproto.events
        from wsproto.utilities import RemoteProtocolError

        self._wire.receive_data(await self._read_bytes() or None)
        try:
            for event in self._wire.events():
                if isinstance(event, wsproto.events.TextMessage):
                    self._add_text(event.data, event.message_finished)
                elif isinstance(event, wsproto.events.Ping):
                    await self._write(event.response())
                elif isinstance(event, wsproto.events.CloseConnection):
                    self._closed = f"the websocket was closed with {event.code}"
        except RemoteProtocolError as error:
            raise NotGafferError(self._address, str(error)) from None

    async def _read_bytes(self) -> bytes:
        import httpcore2
        import wsproto.events

        with translate_errors(self._settings):
            try:
                return await self._stream.read(_READ_SIZE, timeout=self._heartbeat)
            except httpcore2.ReadTimeout:
                await self._write(wsproto.events.Ping())
                return await self._stream.read(_READ_SIZE, timeout=self._heartbeat)

    def _add_text(self, text: str, finished: bool) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > MAX_MESSAGE:
            raise NotGafferError(self._address, f"a message of more than {MAX_MESSAGE} bytes")
        if finished:
            self._ready.append("".join(self._parts))
            self._parts, self._length = [], 0

    async def _write(self, event: wsproto.events.Event) -> None:
        from wsproto.utilities import LocalProtocolError

        async with self._lock:
            try:
                data = self._wire.send(event)
            except LocalProtocolError:
                raise ConnectionLostError(self._address, "the websocket is closed") from None
            # Shielded, because a partial frame would break the connection: the frame is sent as a
            # whole, or the connection is closed.
            with trio.CancelScope(shield=True), translate_errors(self._settings):
                try:
                    await self._stream.write(data, timeout=self._settings.timeout)
                except Exception:
                    self._closed = "the connection broke off"
                    await self._stream.aclose()
                    raise

    async def aclose(self) -> None:
        """Send the close frame, and close the connection."""
        import wsproto.events

        try:
            await self._write(wsproto.events.CloseConnection(code=1000))
        except ConnectionLostError:
            pass  # The connection is lost already.
        await self._stream.aclose()
