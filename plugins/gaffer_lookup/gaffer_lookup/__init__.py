"""Which gafferd runs what, and where: gafferd's plugin, and the command gaffer_lookupd.

    node       the plugin: it tells lookupds what runs here
    lookupd    the command
    registry   what is known of nodes
    etcd       where several lookupds keep that, and nodes without any
    untold     the jobs of which somebody has to be told something
    words      what a node says and is answered

Importing it must stay cheap, as gafferd does so to find out what it is.
"""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

if TYPE_CHECKING:
    from gaffer_kernel import Config, Kernel

    from gaffer_lookup.node.service import Lookup

__all__: list[str] = []

gaffer_after = ("http",)
"""What is told is where it listens."""


@hookimpl
def gaffer_add_options(parser: ArgumentParser) -> None:
    """Add `--lookupd-address`, and what else can be said of lookupds."""
    from gaffer_lookup.node.settings import add_options

    add_options(parser)


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """Which lookupds there are, and what they are told."""
    return ("lookup",)


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check the section; it is read again when the plugin opens."""
    from gaffer_lookup.node.settings import read_settings

    read_settings(config)


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[Lookup] | None:
    """Keep every lookupd told for the plugin's whole life; nothing without any."""
    from gaffer_lookup.node.settings import read_settings

    settings = read_settings(kernel.config)
    if not settings.hosts:
        return None
    from gaffer_lookup.node.service import open_lookup

    return open_lookup(kernel, settings)
