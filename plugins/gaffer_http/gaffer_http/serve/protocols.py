"""hypercorn's protocols, where input is limited: HTTP/1.1, and HTTP/2 for TLS clients that ask.

Neither prior knowledge nor `Upgrade: h2c` leads to HTTP/2 here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import h2.errors
import h2.exceptions
import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, RawData
from hypercorn.protocol.events import Body
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import TrioSingleTask, WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from gaffer_http.errors import JSON, ApiError, error_from_status
from gaffer_http.serve.budget import Allowance
from gaffer_http.serve.frames import FrameLimit

if TYPE_CHECKING:
    from h2.events import PriorityUpdated, RequestReceived
    from hypercorn.events import Event
    from hypercorn.protocol.events import Event as StreamEvent

_VERSIONS = (b"1.0", b"1.1")

_OTHER_VERSION = error_from_status(505, "this port speaks HTTP/1.1; HTTP/2 needs https:// and ALPN")
_TWO_LENGTHS = error_from_status(
    400, "a request must not have both Transfer-Encoding and Content-Length"
)


class _Parser(h11.Connection):
    """A parser that ignores empty lines before a request.

    RFC 9112, section 2.2, asks for that, because some clients end a body with one.
    """

    def next_event(self) -> Any:
        """Return what h11 returns."""
        if self.their_state is h11.IDLE:
            buffer = self._receive_buffer
            while buffer._data.startswith(b"\r\n"):
                buffer.maybe_extract_at_most(2)
            if buffer._data == b"\r":
                return h11.NEED_DATA
        return super().next_event()


class Http1(H11Protocol):
    """HTTP/1.1 without an upgrade to HTTP/2."""

    def __init__(self, allowance: Allowance, *args: Any) -> None:
        super().__init__(*args)
        limit = self.config.h11_max_incomplete_size
        self.connection = _Parser(h11.SERVER, max_incomplete_event_size=limit)
        self._allowance = allowance

    bulk = 0
    """Bytes of a body of known length that are not received yet: they are not parsed."""

    async def handle(self, event: Event) -> None:
        """Parse what the client sends."""
        if isinstance(event, RawData):
            self.bulk = max(0, self.bulk - len(event.data))
        await super().handle(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore `Upgrade: h2c`, as RFC 9110 allows."""

    async def _create_stream(self, request: h11.Request) -> None:
        await self._allowance.request()
        headers = dict(request.headers)
        if request.http_version not in _VERSIONS:
            await self._refuse(_OTHER_VERSION)
        elif b"transfer-encoding" in headers and b"content-length" in headers:
            # A proxy may have used the other length: the following bytes could be a smuggled
            # request.
            await self._refuse(_TWO_LENGTHS)
        else:
            length = int(headers.get(b"content-length", 0))
            self.bulk = max(0, length - len(self.connection.trailing_data[0]))
            await super()._create_stream(request)
            if isinstance(self.stream, WSStream):
                self.bulk = 0

    async def _refuse(self, answer: ApiError) -> None:
        """Answer a request with an error, and close the connection."""
        body = answer.body
        headers = [
            (b"content-type", JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        status = answer.status
        await self._send_h11_event(h11.Response(status_code=status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())
        await self.send(Closed())


class Http2(H2Protocol):
    """HTTP/2 without priorities, with a limit on frames."""

    def __init__(self, allowance: Allowance, *args: Any) -> None:
        super().__init__(*args)
        self._allowance = allowance
        self._limit = FrameLimit()

    @property
    def bulk(self) -> int:
        """Bytes of a DATA frame that are not received yet: they are not parsed."""
        stream, left = self._limit.data
        return left if isinstance(self.streams.get(stream), HTTPStream) else 0

    async def handle(self, event: Event) -> None:
        """Parse what the client sends; end the connection if there are too many frames."""
        now = trio.current_time()
        if isinstance(event, RawData) and self._limit.exceeded(event.data, now):
            with suppress(h2.exceptions.ProtocolError):
                self.connection.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            await self._flush()
            await self.send(Closed())
            return
        await super().handle(event)

    async def _flush(self) -> None:
        data = self.connection.data_to_send()
        if data:
            self._limit.sent(data)
            await self.send(RawData(data=data))

    async def _create_stream(self, request: RequestReceived) -> None:
        await self._allowance.open_stream()
        await self._allowance.request()
        await super()._create_stream(request)
        stream = self.streams.get(request.stream_id)
        if isinstance(stream, WSStream):
            handle = partial(self._handle_pieces, stream.handle)
            stream.handle = handle  # type: ignore[method-assign]

    async def _handle_pieces(
        self, handle: Callable[[StreamEvent], Awaitable[None]], event: StreamEvent
    ) -> None:
        """Pass on what a client sends on a websocket in pieces: one DATA frame can hold thousands
        of frames."""
        if not isinstance(event, Body):
            await handle(event)
            return
        size = self._allowance.max_read()
        for start in range(0, len(event.data), size):
            piece = event.data[start : start + size]
            await self._allowance.spend(len(piece))
            await handle(Body(stream_id=event.stream_id, data=piece))

    async def _priority_updated(self, event: PriorityUpdated) -> None:
        """Ignore it: RFC 9113 deprecates priorities, and hypercorn fails after 1000 of them."""


class Protocols(TCPServer):
    """One connection: chooses the protocol, and reads no more than the allowance permits.

    Args:
        app: called by hypercorn for each request.
        config: of hypercorn.
        state: the `state` in the scope of each request.
        stream: a Transport, or TLS over one.
        allowance: limits the input.
    """

    def __init__(
        self, app: Any, config: Config, state: dict[str, Any], stream: Any, allowance: Allowance
    ) -> None:
        # A context that is never `terminated`: hypercorn would then close idle connections under a
        # shield without a deadline.
        super().__init__(app, config, WorkerContext(None), state, stream)
        self.idle_task = _NoTask()
        self.chosen: Http1 | Http2
        self._allowance = allowance

    async def run(self) -> None:
        """Serve the requests of the connection."""
        tls = isinstance(self.stream, trio.SSLStream)
        if tls:
            try:
                await self.stream.do_handshake()
            except trio.BrokenResourceError:
                return
        try:
            async with TaskGroup() as task_group:
                self._task_group = task_group
                self.chosen = self._choose(task_group, tls)
                self.protocol = self.chosen  # type: ignore[assignment]
                await self.chosen.initiate()
                await self._read_data()
        except OSError:
            pass
        finally:
            await self._close()

    def _choose(self, task_group: TaskGroup, tls: bool) -> Http1 | Http2:
        http2 = tls and self.stream.selected_alpn_protocol() == "h2"
        sock = self.stream.transport_stream.socket if tls else self.stream.socket
        arguments = (
            self.app,
            self.config,
            self.context,
            task_group,
            ConnectionState(self.state),
            tls,
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self.protocol_send,
        )
        return (Http2 if http2 else Http1)(self._allowance, *arguments)

    async def _read_data(self) -> None:
        data: bytes | bytearray | None = None
        while data != b"":
            try:
                bulk = self.chosen.bulk
                data = await self.stream.receive_some(self._allowance.max_read(bulk))
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            await self._allowance.spend(len(data), bulk)
            await self.chosen.handle(RawData(bytes(data)))
        await self.chosen.handle(Closed())


class _NoTask(TrioSingleTask):
    """Replaces hypercorn's timer for idle connections."""

    async def restart(self, task_group: object, action: object) -> None:
        """Do nothing: there is no timer."""

    async def stop(self) -> None:
        """Do nothing: there is no timer."""
