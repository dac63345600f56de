"""The life of the API: sockets, application and server, opened and closed together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from gaffer_kernel import GafferError, Kernel

from gaffer_http.access.caller import Authenticate, Caller, Credentials
from gaffer_http.access.policy import read_policy
from gaffer_http.listen.endpoints import Endpoint, is_exposed, read_endpoints
from gaffer_http.listen.sockets import listening

log = logging.getLogger(__package__)

GRACE = 3.0
"""Seconds that requests have to finish when the API closes; the kernel would allow five."""


@dataclass(frozen=True, slots=True)
class HttpService:
    """What `kernel.services["http"]` tells.

    Attributes:
        addresses: where the API answers, ports as they are: `http://127.0.0.1:5000`,
            `http+unix:/run/gaffer.sock`.
        closing: set when the API begins to close: whoever streams an answer should end it.
    """

    addresses: tuple[str, ...]
    closing: trio.Event


@asynccontextmanager
async def open_api(kernel: Kernel) -> AsyncIterator[HttpService]:
    """Serve the API of a kernel as long as the block lasts.

    Raises:
        GafferError: an address cannot be had.
        PluginError: the routes of a plugin cannot be added.
    """
    authenticate = _authenticator(kernel)
    endpoints = read_endpoints(kernel.config)
    if authenticate is None:
        _check_hidden(endpoints)
    with listening(endpoints) as sockets:
        # Clients can connect from here on, while the slow half of the start-up is still to come.
        from gaffer_http.access.guard import Guard
        from gaffer_http.app import Api
        from gaffer_http.serve.server import Server

        app = Api(kernel)
        server = Server(Guard(app, read_policy(kernel.config), authenticate))
        async with app.living(), trio.open_nursery() as nursery:
            await nursery.start(server.run, sockets)
            addresses = tuple(each.url for each in sockets)
            log.info("listening on %s", ", ".join(addresses))
            try:
                yield HttpService(addresses, server.closing)
            finally:
                app.feeds.close()
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


def _check_hidden(endpoints: Iterable[Endpoint]) -> None:
    for endpoint in endpoints:
        for address in endpoint.addresses:
            if is_exposed(address):
                raise GafferError(
                    f"endpoint {endpoint.name}: {address} can be reached from other machines, and"
                    " no plugin here tells who calls from there: install gaffer-auth"
                )
