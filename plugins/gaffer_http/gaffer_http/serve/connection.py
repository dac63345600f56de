"""One connection: hypercorn's protocols over a socket of ours, and nothing that waits for ever.

This module and `protocols` know hypercorn from inside; tests/test_http_serving.py holds what they
rely on.
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
from gaffer_http.serve.budget import Allowance, Budgets
from gaffer_http.serve.peer import Peer
from gaffer_http.serve.places import NoPlaceError, Place
from gaffer_http.serve.protocols import Http2, Protocols
from gaffer_http.serve.proxy_header import (
    NO_HEADER_ANSWER,
    ProxyHeaderError,
    read_proxy_header,
)
from gaffer_http.serve.tls import shake_hands
from gaffer_http.serve.transport import LAST_SEND_TIMEOUT, Transport

if TYPE_CHECKING:
    from wsproto.events import Message as WebsocketPart

log = logging.getLogger(__name__)

IDLE_TIMEOUT = 10.0
"""Seconds a connection may be without a request: before the first, between two, within headers."""

GOODBYE_TIMEOUT = 2.0
"""Seconds between the end of one half and the end of everything: for the last answer to be read.

So it is between the end of a websocket and that of its connection; and before, for its peer to take
what is being sent.
"""

MAX_MESSAGE = 64 * 1024
"""Bytes of a message on a websocket; a larger one closes it."""

MAX_FRAGMENTS = 1024
"""Frames of a message on a websocket; one with more closes it."""

REFUSAL_TIMEOUT = 1.0
"""Seconds a peer has to take the answer to a refused request."""

LAST_TIMEOUT = 0.25
"""The same for all of these, once the server is closing and there is no request."""

_INTERNAL_ERROR = 2
"""Of HTTP/2."""


class Connection:
    """One connection, and the requests on it.

    It has one deadline, and that only while it has no request. hypercorn's timers are not used:
    they miss HTTP/2 from its first byte, and Quart often keeps them from starting.

    Args:
        stream: what was accepted.
        endpoint: where it was accepted.
        app: asked for every request; its `scope["state"]` has the Peer as `peer`, the endpoint's
            AuthMode as `auth`, as `hung_up` a function that tells whether the client has gone, even
            if nobody reads what it has sent, with TLS, as `certificate` one that returns the
            client's, and of a websocket, as `hurry` one to call before a send is cancelled, which
            alone would not break it. It calls `admit` or `refuse` as soon as it has decided on the
            request; a refused one holds no place.
        closing: once it is set, answers end the connection.
        report: called with what the application raises, and with what the code of the protocols
            raises on odd input, then as `on_input=True`.
        budgets: of the server, for input.
        place: what the connection counts for.
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
        """Whether it has no request, and is not being ended."""
        return self._place.requests == 0 and not self._scope.cancel_called

    async def run(self) -> None:
        """Serve it to its end.

        Raises:
            NoPlaceError: a proxy connects for a peer that gets no place.
        """
        try:
            with self._scope:
                self._rest(IDLE_TIMEOUT)
                if self._proxy_protocol:
                    await self._read_proxy_header()
                if self._tls is not None:
                    with self._transport.metered(self._allowance.handshake):
                        await shake_hands(self._protocol.stream)
                await self._protocol.run()
                self._rest(GOODBYE_TIMEOUT)
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
        """Find out for whom a proxy connects.

        Raises:
            ProxyHeaderError: it does not say; that has been answered.
            NoPlaceError: there is no place for that peer.
        """
        try:
            visitor = await read_proxy_header(self._transport.receive_some)
        except ProxyHeaderError:
            if self._tls is None and not self._transport.is_over:
                await self._transport.send_all(NO_HEADER_ANSWER)
                await self._transport.aclose()
                self._rest(GOODBYE_TIMEOUT)
                await self._transport.drain()
            raise
        if visitor is not None:
            self._peer = self._state["peer"] = Peer(None, address=str(visitor))
            self._place.move(self._peer)

    def _new_protocol(self) -> Protocols:
        stream: Any = self._transport
        state: dict[str, Any] = {
            "peer": self._peer,
            "auth": self._auth,
            "hung_up": self._transport.hung_up,
        }
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
            # The attribute, too, is there only after the handshake.
            state["certificate"] = lambda: stream.getpeercert()
        self._state = state
        return Protocols(self._serve, _CONFIG, state, stream, self._allowance)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *_: object) -> None:
        self._place.requests += 1
        if not self._half_closed:
            self._scope.deadline = inf
        answer: HTTPStream | WSStream = cast(Any, send).__self__
        if isinstance(answer, WSStream):
            self._limit_messages(answer)
            scope["state"]["hurry"] = partial(self._hurry_websocket, scope)
        scope["state"]["admit"] = self._admit
        scope["state"]["refuse"] = partial(self._refuse, scope)
        send = partial(self._send_2 if scope["http_version"] >= "2" else self._send, scope, send)
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            # What a library raises while it sends is due to what the client has sent.
            self._report(error, on_input=self._fault is not None and _fault(error) is self._fault)
            self._fault = None
            raise
        finally:
            self._place.requests -= 1
            if _is_refused(scope):
                self._place.refusals -= 1
                if not self._place.refusals:
                    self._transport.answer_by(inf)
            if not self._place.requests:
                self._rest(GOODBYE_TIMEOUT if _fills(scope) else IDLE_TIMEOUT)
            await self._reset(answer)

    def _admit(self) -> None:
        self._place.admit()
        self._allowance.admit()
        self._transport.answer_by(inf)

    def _refuse(self, scope: Scope) -> None:
        if _is_refused(scope):
            return
        scope["gaffer.refused"] = True
        self._place.refuse()
        # In HTTP/2 others may share the connection: then it is for `_send_2` to limit.
        if not self._place.is_busy:
            self._transport.answer_by(trio.current_time() + REFUSAL_TIMEOUT)

    def _hurry_websocket(self, scope: Scope) -> None:
        # In HTTP/2 a send can be cancelled, and others share the connection.
        if _fills(scope):
            self._transport.hurry(GOODBYE_TIMEOUT)

    def _limit_messages(self, websocket: WSStream) -> None:
        # hypercorn goes on collecting a message that it has found too large, as long as more comes.
        websocket.buffer = _Buffer(partial(self._rest, GOODBYE_TIMEOUT))
        # Compressed, 64 KiB from the network can be 64 MiB before anybody counts them.
        websocket.handshake.extensions = None

    async def _send(self, scope: Scope, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start" and self._closing.is_set():
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        last = message["type"] == "http.response.body" and not message.get("more_body")
        # Quart cancels what it is doing as soon as hypercorn tells it that the answer is complete,
        # and that is before hypercorn closes a connection that is not kept. Nothing under this
        # shield waits but the transport, which is never patient for ever.
        with trio.CancelScope(shield=last):
            if message["type"] == "websocket.close":
                self._transport.hurry(GOODBYE_TIMEOUT)
            await self._pass_on(send, message)
        # hypercorn says nothing when the peer is gone: who sends in a loop would do so for ever.
        if self._transport.is_over or scope["type"] == "websocket":
            await self._yield()

    async def _send_2(self, scope: Scope, send: Send, message: Message) -> None:
        # In HTTP/2 a peer can also read, but grant no room for the answer.
        seconds = GOODBYE_TIMEOUT if message["type"] == "websocket.close" else inf
        if _is_refused(scope):
            seconds = REFUSAL_TIMEOUT
        with self._transport.patience(seconds) as patience:
            await self._pass_on(send, message)
        # `_reset` ends a refused request that shares the connection with admitted ones.
        if patience.cancelled_caught and not (_is_refused(scope) and self._place.is_busy):
            self.kill()
        await self._yield()

    async def _pass_on(self, send: Send, message: Message) -> None:
        try:
            await send(message)
        except Exception as error:
            self._fault = error
            raise

    async def _reset(self, answer: HTTPStream | WSStream) -> None:
        """Tell an HTTP/2 client that no more comes of an answer: hypercorn lets it wait for ever.

        In HTTP/1.1 the end of the connection says so.
        """
        protocol = self._protocol.chosen
        if not isinstance(protocol, Http2) or not isinstance(answer, HTTPStream):
            return
        if answer.state is ASGIHTTPState.RESPONSE and not answer.closed:
            protocol.connection.reset_stream(answer.stream_id, _INTERNAL_ERROR)
            await protocol._flush()

    async def _yield(self) -> None:
        if self._transport.is_over and self._place.requests:
            self._scope.deadline = min(self._scope.deadline, trio.current_time() + GOODBYE_TIMEOUT)
        await trio.lowlevel.checkpoint()

    def _peer_ended(self) -> None:
        # hypercorn takes a connection for dead when one half of it is.
        self._half_closed = True
        self._transport.hurry(GOODBYE_TIMEOUT)
        self._rest(GOODBYE_TIMEOUT)

    def _report(self, fault: Exception, *, on_input: bool = False) -> None:
        self._report_of(self._peer, fault, on_input=on_input)

    def _rest(self, seconds: float) -> None:
        if self._closing.is_set():
            seconds = LAST_TIMEOUT
        self._scope.deadline = trio.current_time() + seconds

    def end(self) -> None:
        """Cancel all that it is doing."""
        self._scope.cancel()

    def hurry(self) -> None:
        """Have less patience with a peer that does not read."""
        self._transport.hurry(LAST_SEND_TIMEOUT)

    def kill(self) -> None:
        """End it even if it is sending to a peer that does not read."""
        self._transport.kill()
        self._scope.cancel()


class _Buffer(WebsocketBuffer):
    """A message as it comes in."""

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
        # Of a frame that comes in pieces, only the last one counts.
        self._fragments += event.frame_finished
        if self.length + size > self.max_length or self._fragments > MAX_FRAGMENTS:
            self._overflown = True
            self.value = None
            # Once: the client may go on sending, but not for ever.
            self._on_too_large()
            raise FrameTooLargeError
        super().extend(event)
        # It counts characters.
        self.length += size - len(data)

    def clear(self) -> None:
        super().clear()
        self._fragments = 0


def _fills(scope: Scope) -> bool:
    """Whether a request is the last of its connection, and the only one: a websocket is."""
    return (scope["type"], scope["http_version"]) == ("websocket", "1.1")


def _is_refused(scope: Scope) -> bool:
    return "gaffer.refused" in scope


def _config() -> Config:
    config = Config()
    # We report ourselves, and not the thousandth time like the first.
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = 10**9
    config.ssl_handshake_timeout = IDLE_TIMEOUT
    return config


_CONFIG = _config()


def _fault(error: BaseException) -> Exception | None:
    """What is wrong with a connection; None for the end of a cancelled task, or of the program."""
    fault: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        _, fault = error.split(trio.Cancelled)
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    return fault if isinstance(fault, Exception) else None
