"""The plugin `lookup`: registers this node and its jobs at lookupds, or in etcd."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import Config, Kernel, hookimpl

if TYPE_CHECKING:
    from gaffer_lookup.node.service import Lookup


class LookupPlugin:
    """Keeps lookupds informed of what runs on this node."""

    name = "lookup"

    gaffer_after = ("http",)
    """The registration contains the addresses on which gaffer-http listens."""

    @hookimpl
    def gaffer_add_options(self, parser: ArgumentParser) -> None:
        """Add `--lookupd-address` and the other options of the node."""
        from gaffer_lookup.node.settings import add_options

        add_options(parser)

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Own `[lookup]`: which lookupds there are, and what this node sends them."""
        return ("lookup",)

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section; it is read again when the plugin opens."""
        from gaffer_lookup.node.settings import read_settings

        read_settings(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Lookup] | None:
        """Keep the registrations current while the plugin is open; without a lookupd do nothing."""
        from gaffer_lookup.node.settings import read_settings

        settings = read_settings(kernel.config)
        if not settings.hosts:
            return None
        from gaffer_lookup.node.service import open_lookup

        return open_lookup(kernel, settings)


plugin = LookupPlugin()
