"""HTTP API of gaffer: jobs and processes under control over HTTP.

    plugin      the plugin as an object
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

from gaffer_http.plugin import HttpHandler

if TYPE_CHECKING:
    import pluggy
    from gaffer_kernel import Config, Kernel

    from gaffer_http.service import HttpService

__all__ = ["HttpHandler"]

gaffer_after = HttpHandler.gaffer_after


_plugin = HttpHandler()


@hookimpl
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Bring `gaffer_http_routes` and `gaffer_http_caller`."""
    _plugin.gaffer_addhooks(pluginmanager)


@hookimpl
def gaffer_add_options(parser: ArgumentParser) -> None:
    """Add `--bind`, `--certfile`, `--keyfile` and `--backlog`."""
    _plugin.gaffer_add_options(parser)


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """The endpoints, and who may call."""
    return _plugin.gaffer_config_sections()


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check the endpoints and the policy; they are read again when the API opens."""
    _plugin.gaffer_configure(config)


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[HttpService]:
    """Serve the API for the plugin's whole life."""
    return _plugin.gaffer_service(kernel)
