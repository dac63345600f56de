"""The plugin `lookup` and its hooks. Importing it must stay cheap."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import Config, Kernel, hookimpl

if TYPE_CHECKING:
    from gaffer_lookup.node.service import LookupService


class LookupPlugin:
    """Registers this gafferd with lookupds and with etcd."""

    name = "lookup"

    gaffer_after = ("http",)
    """The node advertises the address on which gaffer-http listens."""

    @hookimpl
    def gaffer_add_options(self, parser: ArgumentParser) -> None:
        """Add `--lookupd-address` and the other options of the plugin."""
        from gaffer_lookup.node.settings import add_options

        add_options(parser)

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Own the section `[lookup]`."""
        return ("lookup",)

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section; the plugin reads it again when it opens."""
        from gaffer_lookup.node.settings import read_settings

        read_settings(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[LookupService] | None:
        """Keep this gafferd registered for the plugin's whole life; None without an address."""
        from gaffer_lookup.node.settings import read_settings

        settings = read_settings(kernel.config)
        if not settings.hosts:
            return None
        from gaffer_lookup.node.service import open_lookup

        return open_lookup(kernel, settings)


plugin = LookupPlugin()
