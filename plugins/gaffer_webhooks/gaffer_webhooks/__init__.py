"""What happens in gaffer, posted to URLs: in order, signed, and kept on disk until it has arrived.

    plugin                   the plugin as an object
    service                  what other code asks: `kernel.services["webhooks"]`; its life
    info, routes, shapes     what is told of a hook; the paths that gaffer-http shows
    hooks, hookfile          the hooks there are, and the file of those that are not of gafferd.ini
    targets, target          all URLs, and one: its hooks, its queue, its courier
    courier, retry           the task that sends, and when it sends again
    sender, addresses        how, and where it must not
    keeper                   the task that brings queues onto the disk
    outbox, letters, journal the queue of one URL, in memory and in its file
    room                     what the queues of all URLs may take together
    folder                   where these files are
    settings                 the section `[webhooks]`
    hook, signing, url       one pattern and one URL; signatures; where a URL leads

Importing it must stay cheap, as gafferd does so to find out what it is: httpx2 is imported when
there is something to send, quart when gaffer-http asks for the paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

from gaffer_webhooks.plugin import WebHooks

if TYPE_CHECKING:
    from gaffer_kernel import Config, Kernel
    from quart import Blueprint

    from gaffer_webhooks.service import Webhooks

__all__ = ["WebHooks"]

_plugin = WebHooks()


@hookimpl
def gaffer_config_sections() -> Iterable[str]:
    """The section of hooks."""
    return _plugin.gaffer_config_sections()


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check the section; it is read again when the plugin opens."""
    _plugin.gaffer_configure(config)


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[Webhooks]:
    """Post events for the plugin's whole life."""
    return _plugin.gaffer_service(kernel)


@hookimpl(optionalhook=True)
def gaffer_http_routes(kernel: Kernel) -> Blueprint:
    """Add `/webhooks`."""
    return _plugin.gaffer_http_routes(kernel)
