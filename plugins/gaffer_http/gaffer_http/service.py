"""The lifecycle of the API: sockets, application and server, opened and closed together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from gaffer_kernel import GafferError, Kernel

from gaffer_http.auth.caller import Authenticate, Caller, Credentials, Right
from gaffer_http.listen.endpoints import Endpoint, is_exposed, read_endpoints
from gaffer_http.listen.sockets import listening

if TYPE_CHECKING:
    from quart import Response

    from gaffer_http.feeds.objects import Objects

T = TypeVar("T")

log = logging.getLogger(__package__)

_NEEDS_AUTH = "install gaffer-auth, or no longer disable it"


def _unchanged(value: object) -> object:
    return value


@dataclass(frozen=True, slots=True)
class HttpService:
    """`kernel.services["http"]`: where the API listens, and what routes of other plugins need.

    Attributes:
        addresses: where the API listens, with the actual ports: `http://127.0.0.1:5000`,
            `http+unix:/run/gaffer.sock`.
        closing: set when the API begins to close: a view that streams a response should end it.
    """

    addresses: tuple[str, ...]
    closing: trio.Event

    def caller(self) -> Caller:
        """Return the caller that sent the current request or opened the current websocket.

        Call it in the view: what goes on after the view has returned, like a feed, cannot.
        """
        from gaffer_http.auth.authorization import current_caller

        return current_caller()

    def identity(self) -> str:
        """Return the caller's name without the process: `user 0`, `token ci`.

        It is the same for each request of the caller.
        """
        from gaffer_http.auth.caller import identity

        return identity(self.caller())

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return whether the caller of the current request has a permission.

        Args:
            right: `read`, `write` or `manage`.
            session: where; None for every session, also those created later.
        """
        return self.caller().may(right, session)

    def abort_slow_websocket(self) -> None:
        """Break the current websocket within seconds if its client does not read.

        Call it before cancelling the tasks of a websocket: cancelling does not interrupt a send.
        """
        from gaffer_http.views.current import current_context

        current_context().connection.abort_slow_websocket()

    async def body(self, known: Iterable[str], *, optional: bool = False) -> dict[str, Any]:
        """Read the body of the current request: a JSON object, as strictly as the API itself.

        Args:
            known: the fields it may have.
            optional: whether an empty body counts as an object without fields.

        Raises:
            InvalidField: it has another field.
            Exception: it is not a JSON object, or too large; gaffer-http answers that.
        """
        from gaffer_http.views.body import read_object

        return await read_object(known, optional=optional)

    async def feed(
        self,
        opening: AbstractAsyncContextManager[Objects[T]],
        *,
        event: str,
        show: Callable[[T], object] = _unchanged,
    ) -> Response:
        """Answer the current request with a feed of objects, in the form the request asks for.

        The request may have the parameters `feed` and `heartbeat`, and no others. The response ends
        when there are no more objects, or when the API closes; a long poll ends after the first.

        Args:
            opening: yields an asynchronous iterator over the objects. Its `dropped` counts the
                objects that were lost because they were not fetched in time; an `eventsource` is
                notified of them. Its wait is cancelled now and then, which must lose nothing, so it
                cannot be a generator. Entered before the response starts, left when the request is
                over.
            event: the type of the server-sent events.
            show: returns what to send for an object, anything that msgspec can encode; called
                after the view has returned.

        Raises:
            InvalidField: a parameter is wrong or unknown.
        """
        from gaffer_http.feeds.forms import encoder
        from gaffer_http.feeds.objects import ObjectForms, open_objects
        from gaffer_http.feeds.query import feed_parameters
        from gaffer_http.views.current import current_api

        wanted = feed_parameters()
        return await current_api().feeds.answer(
            open_objects(opening, show),
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
    """Serve the API of a kernel while the block lasts.

    In a kernel that is just starting, requests wait until the first processes run.

    Args:
        kernel: which.
        routes: whether to serve the routes of gafferd, too.
        connections: the maximum number of connections.
        unadmitted: how many of those a peer may have before a request on one is admitted.
        per_caller: how many requests and websockets one caller may have, also the owner; when not
            given, what the configuration says, and any number for the owner.

    Raises:
        GafferError: an address is not available.
        PluginError: the routes of a plugin cannot be added.
    """
    authenticate = _find_authenticate(kernel)
    endpoints = read_endpoints(kernel.config)
    if authenticate is None:
        _check_owner_only(endpoints)
    # Clients can connect as soon as the sockets are open, and wait for the slow half of the start.
    with listening(endpoints) as sockets:
        service = HttpService(tuple(each.url for each in sockets), trio.Event())
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                from gaffer_http.api_server import serve_api

                run = partial(
                    serve_api,
                    routes=routes,
                    connections=connections,
                    unadmitted=unadmitted,
                    per_caller=per_caller,
                )
                await nursery.start(run, kernel, sockets, service.closing, authenticate)

            if kernel.started.is_set():
                await serve()
            else:
                kernel.plugins.finish_start_late(serve)
            try:
                yield service
            finally:
                service.closing.set()


def _find_authenticate(kernel: Kernel) -> Authenticate | None:
    """Return a function that asks the plugins for the caller; None if no plugin implements the
    hook."""
    if not kernel.plugins.implementing("gaffer_http_caller"):
        return None

    def authenticate(credentials: Credentials) -> Caller | None:
        found: Caller | None = kernel.plugins.first(
            "gaffer_http_caller", kernel=kernel, credentials=credentials
        )
        return found

    return authenticate


def _check_owner_only(endpoints: Iterable[Endpoint]) -> None:
    """Refuse endpoints that serve other callers than the owner: no plugin can identify them.

    Raises:
        GafferError: naming the first such endpoint.
    """
    for endpoint in endpoints:
        for address in endpoint.addresses:
            if is_exposed(address):
                raise GafferError(
                    f"endpoint {endpoint.name}: {address} can be reached from other machines, and"
                    f" no plugin here identifies callers from there: {_NEEDS_AUTH}"
                )
        if endpoint.auth != "owner":
            raise GafferError(
                f"endpoint {endpoint.name}: auth = {endpoint.auth}: no plugin here checks"
                f" {endpoint.auth}s: {_NEEDS_AUTH}"
            )
