"""HTTP API of gaffer: jobs and processes under control over HTTP.

    service     the life of the API
    front       the application that serves: another one whenever plugins come or go
    app         one application: puts the routes together, gives every error its one form
    mount       the routes of one plugin
    routes      what can be asked
    channel     the websocket on which everything can be asked and told
    feeds       answers that go on: output and events as they come
    openapi     what all of that is, for programs
    access      who may call
    serve       connections
    listen      where: endpoints and their sockets
    errors, asgi, hookspecs

Importing it must stay cheap, as gafferd does so to find out what it is: quart and hypercorn are
imported when the API opens.
"""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

if TYPE_CHECKING:
    import pluggy
    from gaffer_kernel import Config, Kernel

    from gaffer_http.service import HttpService

__all__: list[str] = []

gaffer_after = ("auth",)
"""Whoever tells who is calling should be there when the first one does."""


@hookimpl
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Bring `gaffer_http_routes` and `gaffer_http_caller`."""
    from gaffer_http import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@hookimpl
def gaffer_add_options(parser: ArgumentParser) -> None:
    """Add `--bind`, `--certfile`, `--keyfile` and `--backlog`."""
    from gaffer_http.listen.endpoints import add_options

    add_options(parser)


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """The endpoints, and who may call."""
    return ("endpoint:", "gaffer.http_endpoints", "gaffer.http_hosts", "gaffer.cors_origins")


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check the endpoints and the policy; they are read again when the API opens."""
    from gaffer_http.access.policy import read_policy
    from gaffer_http.listen.endpoints import read_endpoints

    read_endpoints(config)
    read_policy(config)


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[HttpService]:
    """Serve the API for the plugin's whole life."""
    from gaffer_http.service import open_api

    return open_api(kernel)
