"""A websocket to gafferd, whose every wait has an end."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from gaffer_client._async.transport import AsyncTransport, translate_errors
from gaffer_client.errors import ConnectionLostError, NotGafferError
from gaffer_client.requests import Request, Response, check, check_settled
from gaffer_client.settings import Settings

if TYPE_CHECKING:
    import httpcore2
    import wsproto.connection

LARGEST = 16 * 1024 * 1024
"""Bytes of one message."""

_PIECE = 64 * 1024
_FAREWELL = 1.0
"""Seconds to say that it ends."""


@asynccontextmanager
async def open_websocket(
    transport: AsyncTransport, path: str, silence: float, handshake_timeout: float | None = None
) -> AsyncIterator[WebSocket]:
    """A websocket for the duration of a block.

    Args:
        path: of the API.
        silence: seconds without a word after which the other end is asked whether it is there, and
            as many more for its answer.
        handshake_timeout: seconds until it is open, once there is a connection; the timeout of the
            transport when not given.
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
    call = Request(method="GET", path=path, read=check_settled, headers=headers)
    settings = transport.settings
    async with transport.open_response(call, handshake_timeout or settings.timeout) as response:
        names = {name.lower(): value for name, value in response.headers}
        if response.status != 101:
            with translate_errors(settings):
                body = await response.aread()
            check(Response(settings.address.text, response.status, {}, body))
        if names.get(b"sec-websocket-accept") != generate_accept_token(key):
            raise NotGafferError(settings.address.text, "it opens no websocket")
        socket = WebSocket(settings, response.extensions["network_stream"], silence)
        try:
            yield socket
        finally:
            with trio.CancelScope(deadline=trio.current_time() + _FAREWELL, shield=True):
                await socket.aclose()


class WebSocket:
    """One websocket. One task receives; any may send."""

    def __init__(
        self, settings: Settings, stream: httpcore2.AsyncNetworkStream, silence: float
    ) -> None:
        import wsproto.connection

        self._settings = settings
        self._address = settings.address.text
        self._stream = stream
        self._silence = silence
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
            ConnectionLostError: it could not be.
        """
        import wsproto.events

        await self._write(wsproto.events.TextMessage(text))

    async def receive(self) -> str:
        """The next message.

        Raises:
            ConnectionLostError: there will be no more.
        """
        while not self._ready:
            if self._closed is not None:
                raise ConnectionLostError(self._address, self._closed)
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        import wsproto.events
        from wsproto.utilities import RemoteProtocolError

        self._wire.receive_data(await self._bytes() or None)
        try:
            for event in self._wire.events():
                if isinstance(event, wsproto.events.TextMessage):
                    self._take(event.data, event.message_finished)
                elif isinstance(event, wsproto.events.Ping):
                    await self._write(event.response())
                elif isinstance(event, wsproto.events.CloseConnection):
                    self._closed = f"the websocket was closed with {event.code}"
        except RemoteProtocolError as error:
            raise NotGafferError(self._address, str(error)) from None

    async def _bytes(self) -> bytes:
        import httpcore2
        import wsproto.events

        with translate_errors(self._settings):
            try:
                return await self._stream.read(_PIECE, timeout=self._silence)
            except httpcore2.ReadTimeout:
                await self._write(wsproto.events.Ping())
                return await self._stream.read(_PIECE, timeout=self._silence)

    def _take(self, text: str, finished: bool) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > LARGEST:
            raise NotGafferError(self._address, f"a message of more than {LARGEST} bytes")
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
            # Half of a frame would be the end of the connection, so it is sent whole, or the
            # connection ends.
            with trio.CancelScope(shield=True), translate_errors(self._settings):
                try:
                    await self._stream.write(data, timeout=self._settings.timeout)
                except Exception:
                    self._closed = "the connection broke off"
                    await self._stream.aclose()
                    raise

    async def aclose(self) -> None:
        """Say that it ends, and close the connection."""
        import wsproto.events

        try:
            await self._write(wsproto.events.CloseConnection(code=1000))
        except ConnectionLostError:
            pass  # Nobody is left to hear it.
        await self._stream.aclose()
