"""The plugin `sites`: the service `sites`, and the paths below `/_plugin/`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import Kernel, hookimpl

from gaffer_sites.service import Sites, open_sites

if TYPE_CHECKING:
    from quart import Blueprint


class SitesPlugin:
    """Serve the static sites of plugins."""

    name = "sites"

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Sites]:
        """Offer `kernel.services["sites"]` while the plugin is open."""
        return open_sites(kernel)

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> Blueprint:
        """Add `/_plugin/`."""
        from gaffer_sites.routes import make_routes

        return make_routes(kernel)


plugin = SitesPlugin()
