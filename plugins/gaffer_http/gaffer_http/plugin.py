"""The plugin as an object, also for a program that serves an API of its own."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import hookimpl

if TYPE_CHECKING:
    import pluggy
    from gaffer_kernel import Config, Kernel

    from gaffer_http.service import HttpService


class HttpHandler:
    """Serves routes to authorized callers.

    Args:
        routes: whether to serve the routes of gafferd, too; False leaves only those of other
            plugins.
        connections: the maximum number of connections; that of gafferd when not given.
        unadmitted: how many of those a peer may have before a request on one is admitted; 16 when
            not given.
        per_caller: how many requests and websockets one caller may have; when not given, `[gaffer]
            http_requests_per_caller`, and any number for the owner.
    """

    name = "http"

    gaffer_after = ("auth",)
    """A plugin that identifies callers should be open before the first request."""

    def __init__(
        self,
        *,
        routes: bool = True,
        connections: int | None = None,
        unadmitted: int | None = None,
        per_caller: int | None = None,
    ) -> None:
        self._routes = routes
        self._connections = connections
        self._unadmitted = unadmitted
        self._per_caller = per_caller

    @hookimpl
    def gaffer_addhooks(self, pluginmanager: pluggy.PluginManager) -> None:
        """Add the hooks `gaffer_http_routes` and `gaffer_http_caller`."""
        from gaffer_http import hookspecs

        pluginmanager.add_hookspecs(hookspecs)

    @hookimpl
    def gaffer_add_options(self, parser: ArgumentParser) -> None:
        """Add `--bind`, `--certfile`, `--keyfile` and `--backlog`."""
        from gaffer_http.listen.endpoints import add_options

        add_options(parser)

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Return the sections and keys of the endpoints and of the access policy."""
        keys = ("http_endpoints", "http_hosts", "cors_origins", "http_requests_per_caller")
        return ("endpoint:", *(f"gaffer.{key}" for key in keys))

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the endpoints and the policy; they are read again when the API opens."""
        from gaffer_http.auth.limits import read_per_caller
        from gaffer_http.auth.policy import read_policy
        from gaffer_http.listen.address import TcpAddress
        from gaffer_http.listen.endpoints import read_endpoints

        for endpoint in read_endpoints(config):
            note = f", {endpoint.auth_note}" if endpoint.auth_note else ""
            addresses = ", ".join(map(str, endpoint.addresses))
            config.notes.append(f"endpoint {endpoint.name}: {addresses}{note}")
            config.reserved_ports.update(
                each.port for each in endpoint.addresses if isinstance(each, TcpAddress)
            )
        read_policy(config)
        read_per_caller(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[HttpService]:
        """Serve the API while the plugin is open."""
        from gaffer_http.service import open_api

        return open_api(
            kernel,
            routes=self._routes,
            connections=self._connections,
            unadmitted=self._unadmitted,
            per_caller=self._per_caller,
        )


plugin = HttpHandler()
