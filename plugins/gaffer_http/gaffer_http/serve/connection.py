"""One connection: hypercorn's protocols over a Transport, with a deadline on everything.

This module and `protocols` depend on hypercorn's internals; tests/serve/test_server.py checks what
they rely on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, cast

import trio
from hypercorn.config import Config
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import FrameTooLargeError, WebsocketBuffer, WSStream

from gaffer_http.asgi import Application, Message, Receive, Scope, Send
from gaffer_http.listen.endpoints import Endpoint
from gaffer_http.scope import ConnectionState, RequestContext
from gaffer_http.serve.budget import Allowance, Budgets
from gaffer_http.serve.peer import Peer
from gaffer_http.serve.places import NoPlaceError, Place
from gaffer_http.serve.protocols import Http2, Protocols
from gaffer_http.serve.proxy_header import (
    NO_HEADER_ANSWER,
    ProxyHeaderError,
    read_proxy_header,
)
from gaffer_http.serve.tls import do_handshake
from gaffer_http.serve.transport import CLOSING_SEND_TIMEOUT, Transport

if TYPE_CHECKING:
    from wsproto.events import Message as WebsocketPart

log = logging.getLogger(__name__)

IDLE_TIMEOUT = 10.0
"""Seconds a connection may be without a request: before the first, between two, and within headers.
"""

GOODBYE_TIMEOUT = 2.0
"""Seconds between the end of one half and the close: for the last response to be read.

The same holds between the end of a websocket and the close of its connection; and before that, for
the peer to take what is being sent.
"""

MAX_MESSAGE = 64 * 1024
"""Bytes of a message on a websocket; a larger one closes it."""

MAX_FRAGMENTS = 1024
"""Frames of a message on a websocket; a message with more closes it."""

REFUSAL_TIMEOUT = 1.0
"""Seconds a peer has to take the response to a refused request."""

CLOSING_TIMEOUT = 0.25
"""The same for all of these, once the server is closing and there is no request."""

_INTERNAL_ERROR = 2
"""An error code of HTTP/2."""


class Connection:
    """One connection, and the requests on it.

    It has one deadline, and only while it has no request. hypercorn's timers are not used: for
    HTTP/2 they do not run from the first byte on, and Quart often keeps them from starting.

    Args:
        stream: the accepted connection.
        endpoint: where it was accepted.
        app: called for every request. Its `scope["state"]` is a `scope.ConnectionState`; it calls
            `admit` or `refuse` there as soon as it has decided about the request.
        closing: once it is set, responses end the connection.
        report: called with what the application raises; with `on_input=True` for what the protocol
            code raises on unexpected input.
        budgets: the input budgets of the server.
        place: the place that the connection takes.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        endpoint: Endpoint,
        app: Application,
        closing: trio.Event,
        report: Callable[..., None],
        budgets: Budgets,
        place: Place,
    ) -> None:
        self._peer = place.peer
        self._place = place
        self._report_of = report
        self._transport = Transport(stream, on_end=self._peer_ended)
        self._allowance = Allowance(budgets, is_owner=place.is_owner)
        self._tls = endpoint.tls
        self._auth = endpoint.auth
        self._proxy_protocol = endpoint.proxy_protocol
        self._app = app
        self._protocol = self._new_protocol()
        self._closing = closing
        self._half_closed = False
        self._fault: Exception | None = None
        self._scope = trio.CancelScope()

    @property
    def is_idle(self) -> bool:
        """Whether it has no request and is not being ended."""
        return self._place.requests == 0 and not self._scope.cancel_called

    async def run(self) -> None:
        """Serve the connection until it ends.

        Raises:
            NoPlaceError: a proxy connects for a peer that gets no place.
        """
        try:
            with self._scope:
                self._set_deadline(IDLE_TIMEOUT)
                if self._proxy_protocol:
                    await self._read_proxy_header()
                if self._tls is not None:
                    with self._transport.metered(self._allowance.handshake):
                        await do_handshake(self._protocol.stream)
                await self._protocol.run()
                self._set_deadline(GOODBYE_TIMEOUT)
                await self._transport.drain()
        except ProxyHeaderError as error:
            log.debug("a connection of %s was closed: %s", self._peer, error)
        except NoPlaceError:
            raise
        except (Exception, BaseExceptionGroup) as error:
            fault = _fault(error)
            if fault is None:
                raise
            self._report(fault, on_input=True)
        finally:
            self._transport.close()

    async def _read_proxy_header(self) -> None:
        """Read for which peer a proxy connects.

        Raises:
            ProxyHeaderError: the header is missing or invalid; that has been answered.
            NoPlaceError: there is no place for that peer.
        """
        try:
            visitor = await read_proxy_header(self._transport.receive_some)
        except ProxyHeaderError:
            if self._tls is None and not self._transport.is_over:
                await self._transport.send_all(NO_HEADER_ANSWER)
                await self._transport.aclose()
                self._set_deadline(GOODBYE_TIMEOUT)
                await self._transport.drain()
            raise
        if visitor is not None:
            self._peer = self._state.peer = Peer(None, address=str(visitor))
            self._place.move(self._peer)

    def _new_protocol(self) -> Protocols:
        stream: Any = self._transport
        values: dict[str, Any] = {}
        state = ConnectionState(values)
        state.peer = self._peer
        state.auth_mode = self._auth
        state.is_hung_up = self._transport.hung_up
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
            # Called late, because trio has the method only after the handshake.
            state.get_certificate = lambda: stream.getpeercert()
        self._state = state
        return Protocols(self._serve, _CONFIG, values, stream, self._allowance)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *_: object) -> None:
        self._place.requests += 1
        if not self._half_closed:
            self._scope.deadline = inf
        answer: HTTPStream | WSStream = cast(Any, send).__self__
        state = RequestContext(scope).connection
        if isinstance(answer, WSStream):
            self._limit_messages(answer)
            state.abort_slow_websocket = partial(self._abort_slow_websocket, scope)
        state.admit = self._admit
        state.refuse = partial(self._refuse, scope)
        send = partial(self._send_2 if scope["http_version"] >= "2" else self._send, scope, send)
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            # An error that a library raises while it sends is caused by what the client has sent.
            self._report(error, on_input=self._fault is not None and _fault(error) is self._fault)
            self._fault = None
            raise
        finally:
            self._place.requests -= 1
            if _is_refused(scope):
                self._place.refusals -= 1
                if not self._place.refusals:
                    self._transport.set_answer_deadline(inf)
            if not self._place.requests:
                self._set_deadline(GOODBYE_TIMEOUT if _is_sole_request(scope) else IDLE_TIMEOUT)
            await self._reset(answer)

    def _admit(self) -> None:
        self._place.admit()
        self._allowance.admit()
        self._transport.set_answer_deadline(inf)

    def _refuse(self, scope: Scope) -> None:
        if _is_refused(scope):
            return
        RequestContext(scope).is_refused = True
        self._place.refuse()
        # In HTTP/2 other requests may share the connection: then `_send_2` sets the deadline.
        if not self._place.is_busy:
            self._transport.set_answer_deadline(trio.current_time() + REFUSAL_TIMEOUT)

    def _abort_slow_websocket(self, scope: Scope) -> None:
        # In HTTP/2 a send can be cancelled, and other requests share the connection.
        if _is_sole_request(scope):
            self._transport.shorten_deadline(GOODBYE_TIMEOUT)

    def _limit_messages(self, websocket: WSStream) -> None:
        # hypercorn keeps collecting a message that it has found too large, as long as more frames
        # come.
        websocket.buffer = _Buffer(partial(self._set_deadline, GOODBYE_TIMEOUT))
        # Compressed, 64 KiB from the network can be 64 MiB before the limit is checked.
        websocket.handshake.extensions = None

    async def _send(self, scope: Scope, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start" and self._closing.is_set():
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        last = message["type"] == "http.response.body" and not message.get("more_body")
        # Quart cancels the request as soon as hypercorn reports that the response is complete,
        # which is before hypercorn closes a connection that is not kept. Nothing under this shield
        # waits but the transport, whose waits all have a deadline.
        with trio.CancelScope(shield=last):
            if message["type"] == "websocket.close":
                self._transport.shorten_deadline(GOODBYE_TIMEOUT)
            await self._pass_on(send, message)
        # hypercorn does not report that the peer is gone: an application that sends in a loop would
        # never stop.
        if self._transport.is_over or scope["type"] == "websocket":
            await self._checkpoint()

    async def _send_2(self, scope: Scope, send: Send, message: Message) -> None:
        # In HTTP/2 a peer can also read, but keep its flow control window closed.
        seconds = GOODBYE_TIMEOUT if message["type"] == "websocket.close" else inf
        if _is_refused(scope):
            seconds = REFUSAL_TIMEOUT
        with self._transport.send_deadline(seconds) as deadline:
            await self._pass_on(send, message)
        # `_reset` ends a refused request that shares the connection with admitted ones.
        if deadline.cancelled_caught and not (_is_refused(scope) and self._place.is_busy):
            self.kill()
        await self._checkpoint()

    async def _pass_on(self, send: Send, message: Message) -> None:
        try:
            await send(message)
        except Exception as error:
            self._fault = error
            raise

    async def _reset(self, answer: HTTPStream | WSStream) -> None:
        """Reset the stream of an incomplete HTTP/2 response: hypercorn lets the client wait
        forever.

        In HTTP/1.1 the end of the connection has that effect.
        """
        protocol = self._protocol.chosen
        if not isinstance(protocol, Http2) or not isinstance(answer, HTTPStream):
            return
        if answer.state is ASGIHTTPState.RESPONSE and not answer.closed:
            protocol.connection.reset_stream(answer.stream_id, _INTERNAL_ERROR)
            await protocol._flush()

    async def _checkpoint(self) -> None:
        if self._transport.is_over and self._place.requests:
            self._scope.deadline = min(self._scope.deadline, trio.current_time() + GOODBYE_TIMEOUT)
        await trio.lowlevel.checkpoint()

    def _peer_ended(self) -> None:
        # hypercorn treats a half-closed connection as closed.
        self._half_closed = True
        self._transport.shorten_deadline(GOODBYE_TIMEOUT)
        self._set_deadline(GOODBYE_TIMEOUT)

    def _report(self, fault: Exception, *, on_input: bool = False) -> None:
        self._report_of(self._peer, fault, on_input=on_input)

    def _set_deadline(self, seconds: float) -> None:
        if self._closing.is_set():
            seconds = CLOSING_TIMEOUT
        self._scope.deadline = trio.current_time() + seconds

    def end(self) -> None:
        """Cancel everything it is doing."""
        self._scope.cancel()

    def shorten_send_deadline(self) -> None:
        """Give a peer that does not read only CLOSING_SEND_TIMEOUT to take what is sent."""
        self._transport.shorten_deadline(CLOSING_SEND_TIMEOUT)

    def kill(self) -> None:
        """End it even if it is sending to a peer that does not read."""
        self._transport.kill()
        self._scope.cancel()


class _Buffer(WebsocketBuffer):
    """A message of a websocket while its frames arrive."""

    def __init__(self, on_too_large: Callable[[], None]) -> None:
        super().__init__(MAX_MESSAGE)
        self._on_too_large = on_too_large
        self._fragments = 0
        self._overflown = False

    def extend(self, event: WebsocketPart[Any]) -> None:
        data = event.data
        size = len(data.encode() if isinstance(data, str) else data)
        if self._overflown:
            raise FrameTooLargeError
        # Of a frame that arrives in pieces, only the last piece counts.
        self._fragments += event.frame_finished
        if self.length + size > self.max_length or self._fragments > MAX_FRAGMENTS:
            self._overflown = True
            self.value = None
            # Only once: the client may go on sending, but not forever.
            self._on_too_large()
            raise FrameTooLargeError
        super().extend(event)
        # The base class counts characters, not bytes.
        self.length += size - len(data)

    def clear(self) -> None:
        super().clear()
        self._fragments = 0


def _is_sole_request(scope: Scope) -> bool:
    """Return whether a request is the only and last one of its connection: a websocket over
    HTTP/1.1."""
    return (scope["type"], scope["http_version"]) == ("websocket", "1.1")


def _is_refused(scope: Scope) -> bool:
    return RequestContext(scope).is_refused


def _config() -> Config:
    config = Config()
    # Connection reports errors itself, each kind of error at WARNING only once.
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = 10**9
    config.ssl_handshake_timeout = IDLE_TIMEOUT
    return config


_CONFIG = _config()


def _fault(error: BaseException) -> Exception | None:
    """Return what failed on a connection; None for a cancelled task or the end of the program."""
    fault: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        _, fault = error.split(trio.Cancelled)
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    return fault if isinstance(fault, Exception) else None
