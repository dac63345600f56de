"""The server of an ASGI application on many sockets, robust against any client.

hypercorn's own `serve` ends when one connection fails unexpectedly, and never ends while one client
does not read. Here an error affects only its connection, and closing takes a bounded time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from math import inf

import trio

from gaffer_http.asgi import Application
from gaffer_http.listen.endpoints import Endpoint
from gaffer_http.listen.sockets import Listening
from gaffer_http.serve.budget import Budgets
from gaffer_http.serve.connection import Connection
from gaffer_http.serve.listener import Listener
from gaffer_http.serve.peer import Peer, get_peer
from gaffer_http.serve.places import NoPlaceError, Places

log = logging.getLogger(__name__)

REFUSAL_LOG_INTERVAL = 60.0
"""Seconds between two warnings that a connection was refused."""


class Server:
    """Serves one application.

    Args:
        app: called for every request; see Connection for its `scope["state"]`.
        places: for the connections that there may be at a time.

    Attributes:
        closing: set when `close` begins: code that streams a response should end it now.
        crashes: how often a connection or a request failed unexpectedly.
    """

    def __init__(self, app: Application, places: Places) -> None:
        self.closing = trio.Event()
        self.crashes = 0
        self._app = app
        self._places = places
        # A dictionary, because it keeps the order.
        self._connections: dict[Connection, None] = {}
        self._accepting = trio.CancelScope()
        self._ended = trio.lowlevel.ParkingLot()
        self._warned: set[str] = set()
        self._budgets = Budgets()
        self._refusal_logged = -inf

    async def run(
        self,
        sockets: Iterable[Listening],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept and serve until `close`.

        If cancelled, connections to clients that do not read may take SEND_TIMEOUT to end: `close`
        ends them at once.

        Args:
            sockets: closed when no more connections are accepted.
            task_status: started when all of them are served.
        """
        async with trio.open_nursery() as budgets:
            budgets.start_soon(self._budgets.run)
            async with trio.open_nursery() as connections:
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        for each in sockets:
                            connect = partial(self._connect, each.endpoint)
                            serve = partial(trio.serve_listeners, handler_nursery=connections)
                            accepting.start_soon(serve, connect, [Listener(each.socket)])
                        task_status.started()
            budgets.cancel_scope.cancel()

    async def close(self, grace: float) -> None:
        """Stop accepting, let requests finish, then break the remaining connections.

        Connections whose peer does not read are broken sooner: see CLOSING_SEND_TIMEOUT. If
        cancelled, the remaining connections are broken at once.

        Args:
            grace: seconds it may take.
        """
        self._accepting.cancel()
        self.closing.set()
        for connection in self._connections:
            connection.shorten_send_deadline()
            if connection.is_idle:
                connection.end()
        try:
            with trio.move_on_after(grace):
                while self._connections:
                    await self._ended.park()
        finally:
            for connection in self._connections:
                connection.kill()

    async def _connect(self, endpoint: Endpoint, stream: trio.SocketStream) -> None:
        peer = get_peer(stream.socket)
        try:
            place = self._places.take(peer, trust_uid=endpoint.auth == "owner")
        except NoPlaceError as error:
            # No wait here: the next connection is accepted at once.
            self._log_refusal(peer, error)
            stream.socket.close()
            return
        connection = Connection(
            stream, endpoint, self._app, self.closing, self._report_error, self._budgets, place
        )
        self._connections[connection] = None
        place.evict = connection.kill
        try:
            await connection.run()
        except NoPlaceError as error:
            self._log_refusal(place.peer, error)
        finally:
            self._places.release(place)
            del self._connections[connection]
            self._ended.unpark_all()

    def _log_refusal(self, peer: Peer, error: NoPlaceError) -> None:
        now = trio.current_time()
        if now - self._refusal_logged >= REFUSAL_LOG_INTERVAL:
            self._refusal_logged = now
            log.warning("connection of %s refused: %s", peer, error)

    def _report_error(self, peer: Peer, fault: Exception, *, on_input: bool = False) -> None:
        """Count and log an error. One caused by input gets one line, its traceback at DEBUG."""
        self.crashes += 1
        kind = type(fault).__name__
        level = self._level(kind)
        if on_input:
            log.log(level, "a connection of %s failed: %s: %a", peer, kind, str(fault))
            log.debug("where %s was raised:", kind, exc_info=fault)
            return
        log.log(level, "a connection of %s failed: %s: %s", peer, kind, fault, exc_info=fault)

    def _level(self, topic: str) -> int:
        """Return WARNING once for each topic, then DEBUG: clients must not fill the disk."""
        level = logging.DEBUG if topic in self._warned else logging.WARNING
        self._warned.add(topic)
        return level
