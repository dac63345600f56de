"""One connection: hypercorn's protocols over a socket of ours, and nothing that waits for ever.

This is the only module that knows hypercorn from inside; tests/test_http_connection.py holds what
it relies on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from math import inf
from ssl import SSLContext
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import TrioSingleTask, WorkerContext

from gaffer_http.asgi import Application, Message, Receive, Scope, Send
from gaffer_http.peer import Peer, peer_of
from gaffer_http.transport import SEND_TIMEOUT, Transport

IDLE_TIMEOUT = 10.0
"""Seconds a connection may be without a request: before the first, between two, within headers."""

GOODBYE_TIMEOUT = 2.0
"""Seconds a peer has to read the last answer and to close its end."""


class Connection:
    """One connection, and the requests on it.

    It has one deadline, and that only while it has no request. hypercorn's timers are not used:
    they miss HTTP/2 from its first byte, and Quart often keeps them from starting.

    Args:
        stream: what was accepted.
        tls: how to speak HTTPS; None for plain HTTP.
        app: asked for every request, with the Peer in `scope["state"]["peer"]`.
        closing: once it is set, answers end the connection.

    Attributes:
        peer: who is at the other end.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        tls: SSLContext | None,
        app: Application,
        closing: trio.Event,
    ) -> None:
        self.peer: Peer = peer_of(stream.socket)
        self._transport = Transport(stream)
        self._tls = tls
        self._app = app
        self._closing = closing
        self._requests = 0
        self._scope = trio.CancelScope()

    @property
    def is_idle(self) -> bool:
        """Whether it has no request, and is not being ended."""
        return self._requests == 0 and not self._scope.cancel_called

    async def run(self) -> None:
        """Serve it to its end. Raises whatever the code of the protocols stumbles over."""
        try:
            with self._scope:
                self._rest(IDLE_TIMEOUT)
                await self._protocol().run()
                self._rest(GOODBYE_TIMEOUT)
                await self._transport.drain()
        finally:
            self._transport.close()

    def _protocol(self) -> TCPServer:
        stream: Any = self._transport
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        app: Any = self._serve
        # A context that is never `terminated`: hypercorn would then close idle connections under a
        # shield without a deadline. The state is what requests find in their scope.
        protocol = TCPServer(app, _CONFIG, WorkerContext(None), {"peer": self.peer}, stream)
        protocol.idle_task = _NoTask()
        return protocol

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *_: object) -> None:
        self._requests += 1
        self._scope.deadline = inf
        try:
            await self._app(scope, receive, partial(self._send, scope["http_version"], send))
        finally:
            self._requests -= 1
            if not self._requests:
                self._rest(GOODBYE_TIMEOUT if self._closing.is_set() else IDLE_TIMEOUT)

    async def _send(self, version: str, send: Send, message: Message) -> None:
        if version < "2":
            if message["type"] == "http.response.start" and self._closing.is_set():
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)
            return
        # In HTTP/2 a peer can also read, but grant no room for the answer.
        with trio.move_on_after(SEND_TIMEOUT) as patience:
            await send(message)
        if patience.cancelled_caught:
            self.kill()

    def _rest(self, seconds: float) -> None:
        self._scope.deadline = trio.current_time() + seconds

    def end(self) -> None:
        """Cancel all that it is doing."""
        self._scope.cancel()

    def kill(self) -> None:
        """End it even if it is sending to a peer that does not read."""
        self._transport.kill()
        self._scope.cancel()


class _NoTask(TrioSingleTask):
    """In place of hypercorn's timer for idle connections."""

    async def restart(self, task_group: object, action: Callable[..., object]) -> None:
        """Nothing to restart."""

    async def stop(self) -> None:
        """Nothing to stop."""


def _config() -> Config:
    config = Config()
    config.errorlog = logging.getLogger(f"{__package__}.hypercorn")
    config.include_server_header = False
    config.keep_alive_max_requests = 10**9
    config.ssl_handshake_timeout = IDLE_TIMEOUT
    return config


_CONFIG = _config()
