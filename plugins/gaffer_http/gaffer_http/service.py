"""The life of the API: sockets, application and server, opened and closed together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from gaffer_kernel import GafferError, Kernel

from gaffer_http.auth.caller import Authenticate, Caller, Credentials, Right
from gaffer_http.auth.policy import read_policy
from gaffer_http.listen.endpoints import Endpoint, is_exposed, read_endpoints
from gaffer_http.listen.sockets import listening

if TYPE_CHECKING:
    from quart import Response

    from gaffer_http.feeds.objects import Objects

T = TypeVar("T")

log = logging.getLogger(__package__)

_NEEDS_AUTH = "install gaffer-auth, or no longer disable it"

GRACE = 3.0
"""Seconds that requests have to finish when the API closes; the kernel would allow five."""


def _as_it_is(value: object) -> object:
    return value


@dataclass(frozen=True, slots=True)
class HttpService:
    """What `kernel.services["http"]` tells, and what routes of other plugins can ask of it.

    Attributes:
        addresses: where the API answers, ports as they are: `http://127.0.0.1:5000`,
            `http+unix:/run/gaffer.sock`.
        closing: set when the API begins to close: whoever streams an answer should end it.
    """

    addresses: tuple[str, ...]
    closing: trio.Event

    def caller(self) -> Caller:
        """Who sent the current request or opened the current websocket.

        For what goes on when the view has returned, like a feed, ask before.
        """
        from gaffer_http.auth.authorization import caller

        return caller()

    def identity(self) -> str:
        """Who that is, in words that are the same each time he calls: `user 0`, `token ci`."""
        from gaffer_http.auth.caller import identity

        return identity(self.caller())

    def may(self, right: Right, session: str | None = None) -> bool:
        """Whether the caller of the current request has a right.

        Args:
            right: `read`, `write` or `manage`.
            session: where; None for everywhere, also in sessions to come.
        """
        return self.caller().may(right, session)

    def hurry(self) -> None:
        """Have little patience with the current websocket, if its client does not read.

        To be called by whoever ends it, before he cancels: that alone does not break a send.
        """
        from quart import websocket

        websocket.scope["state"]["hurry"]()

    async def body(self, known: Iterable[str], *, optional: bool = False) -> dict[str, Any]:
        """The body of the current request, a JSON object, read as strictly as everywhere.

        Args:
            known: the fields it may have.
            optional: whether no body at all will do, for an object without fields.

        Raises:
            InvalidField: it has another field.
            Exception: it is no such object, or too large; gaffer-http answers that.
        """
        from gaffer_http.views.body import read_object

        return await read_object(known, optional=optional)

    async def feed(
        self,
        opening: AbstractAsyncContextManager[Objects[T]],
        *,
        event: str,
        show: Callable[[T], object] = _as_it_is,
    ) -> Response:
        """Answer the current request with objects as they come, in the form it asks for.

        It may have the parameters `feed` and `heartbeat`, and no others. The answer ends with the
        objects, or when the API closes; a long poll after the first one.

        Args:
            opening: yields an asynchronous iterator over the objects that counts in `dropped` how
                many were lost because they were not fetched, which an `eventsource` is told. Its
                wait is cancelled now and then, which must lose nothing: it can be no generator.
                Entered before anything goes out, left when the request is over.
            event: the type of the server-sent events.
            show: what the client is told of an object, something that msgspec can encode; called
                after the view has returned.

        Raises:
            InvalidField: a parameter is wrong or unknown.
        """
        from gaffer_http.feeds.forms import encoder
        from gaffer_http.feeds.objects import ObjectForms, telling
        from gaffer_http.feeds.query import wanted_feed
        from gaffer_http.views.reply import api

        wanted = wanted_feed()
        return await api().feeds.answer(
            telling(opening, show),
            encoder(wanted.kind, ObjectForms(event)),
            heartbeat=wanted.heartbeat,
            once=wanted.kind == "longpoll",
        )


@asynccontextmanager
async def open_api(
    kernel: Kernel,
    *,
    routes: bool = True,
    connections: int | None = None,
    unadmitted: int | None = None,
    per_caller: int | None = None,
) -> AsyncIterator[HttpService]:
    """Serve the API of a kernel as long as the block lasts.

    Args:
        kernel: which.
        routes: also those of gafferd itself.
        connections: how many there may be at a time.
        unadmitted: how many of those a peer may have before it is known who calls.
        per_caller: how many requests and websockets of one caller there may be, also of the owner;
            when not given, what the configuration says, and any number for the owner.

    Raises:
        GafferError: an address cannot be had.
        PluginError: the routes of a plugin cannot be added.
    """
    authenticate = _authenticator(kernel)
    endpoints = read_endpoints(kernel.config)
    if authenticate is None:
        _check_owner_only(endpoints)
    with listening(endpoints) as sockets:
        # Clients can connect from here on, while the slow half of the start-up is still to come.
        from gaffer_http.auth.limits import Turnout, read_per_caller
        from gaffer_http.auth.middleware import Guard
        from gaffer_http.auth.pages import Pages
        from gaffer_http.dynamic_app import Front
        from gaffer_http.serve.places import Places
        from gaffer_http.serve.server import Server

        app = Front(kernel, own=routes)
        pages = Pages(each.url for each in sockets if each.endpoint.auth == "owner")
        policy = read_policy(kernel.config)
        turnout = (
            Turnout(read_per_caller(kernel.config))
            if per_caller is None
            else Turnout(per_caller, limit_owner=True)
        )
        guard = Guard(app, policy, authenticate, turnout, pages)
        server = Server(guard, Places(connections, unadmitted, policy.uids))
        async with app.living(), guard.refusals.counting(), trio.open_nursery() as nursery:
            await nursery.start(server.run, sockets)
            nursery.start_soon(pages.watch, name="page key")
            addresses = tuple(each.url for each in sockets)
            log.info("listening on %s", ", ".join(map(str, sockets)))
            try:
                yield HttpService(addresses, server.closing)
            finally:
                app.api.feeds.close()
                pages.close()
                await server.close(GRACE)


def _authenticator(kernel: Kernel) -> Authenticate | None:
    """Asks the plugins who is calling; None when there is none that could tell."""
    if not kernel.plugins.implementing("gaffer_http_caller"):
        return None

    def authenticate(credentials: Credentials) -> Caller | None:
        found: Caller | None = kernel.plugins.first(
            "gaffer_http_caller", kernel=kernel, credentials=credentials
        )
        return found

    return authenticate


def _check_owner_only(endpoints: Iterable[Endpoint]) -> None:
    """Refuse endpoints that serve more than the owner: no plugin can tell who calls there."""
    for endpoint in endpoints:
        for address in endpoint.addresses:
            if is_exposed(address):
                raise GafferError(
                    f"endpoint {endpoint.name}: {address} can be reached from other machines, and"
                    f" no plugin here tells who calls from there: {_NEEDS_AUTH}"
                )
        if endpoint.auth != "owner":
            raise GafferError(
                f"endpoint {endpoint.name}: auth = {endpoint.auth}: no plugin here checks"
                f" {endpoint.auth}s: {_NEEDS_AUTH}"
            )
