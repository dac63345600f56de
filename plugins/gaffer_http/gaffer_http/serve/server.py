"""Serving an ASGI application on many sockets, whatever the clients do.

hypercorn's own `serve` ends when one connection fails in an unforeseen way, and never ends while
one client does not read. Here what goes wrong with a connection stays there, and closing is
bounded.
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
        app: asked for every request; `scope["state"]` is as Connection says.
        places: for the connections that there may be at a time.

    Attributes:
        closing: set when `close` begins: whoever streams an answer should end it now.
        crashes: how often a connection or a request failed in a way nobody foresaw.
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
        self._told: set[str] = set()
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
        does it at once.

        Args:
            sockets: closed when no more is accepted.
            task_status: told when all of them are served.
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
        """Accept no more, let requests finish, then break what is left.

        Who does not read is broken sooner: see LAST_SEND_TIMEOUT.

        If cancelled, what is left is broken at once.

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
            # Nothing waits here: the next connection is accepted at once, whoever makes it.
            self._log_refusal(peer, error)
            stream.socket.close()
            return
        connection = Connection(
            stream, endpoint, self._app, self.closing, self._survive, self._budgets, place
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

    def _survive(self, peer: Peer, fault: Exception, *, on_input: bool = False) -> None:
        """Count and log an error. What odd input caused gets one line, its traceback at DEBUG."""
        self.crashes += 1
        kind = type(fault).__name__
        level = self._level(kind)
        if on_input:
            log.log(level, "a connection of %s failed: %s: %a", peer, kind, str(fault))
            log.debug("where %s was raised:", kind, exc_info=fault)
            return
        log.log(level, "a connection of %s failed: %s: %s", peer, kind, fault, exc_info=fault)

    def _level(self, topic: str) -> int:
        """How loudly to log: each topic once, lest a client fill the disk with thousands."""
        level = logging.DEBUG if topic in self._told else logging.WARNING
        self._told.add(topic)
        return level
