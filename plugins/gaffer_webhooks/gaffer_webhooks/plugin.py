"""The plugin `webhooks`, an object: programs that embed a kernel can give it hooks of their own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import hookimpl

from gaffer_webhooks.hook import make_hook

if TYPE_CHECKING:
    from gaffer_kernel import Config, Kernel
    from quart import Blueprint

    from gaffer_webhooks.service import Webhooks


class WebHooks:
    """Post events to URLs. It keeps no state of a kernel, so several kernels can share one.

    Args:
        hooks: pattern, URL and optional secret of each hook, in addition to those of the
            configuration. They are trusted, and stay while the plugin is open.

    Raises:
        InvalidField: a hook is invalid.
    """

    name = "webhooks"

    def __init__(self, hooks: Iterable[tuple[str, str] | tuple[str, str, str]] = ()) -> None:
        self._hooks = tuple(
            make_hook(pattern, url, *secret, trusted=True, fixed=True)
            for pattern, url, *secret in hooks
        )

    @hookimpl
    def gaffer_config_sections(self) -> Iterable[str]:
        """Claim the section `[webhooks]`."""
        return ("webhooks",)

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section; it is read again when the plugin opens."""
        from gaffer_webhooks.settings import read_settings

        read_settings(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Webhooks]:
        """Post events while the plugin is open."""
        from gaffer_webhooks.service import open_webhooks

        return open_webhooks(kernel, self._hooks)

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> Blueprint:
        """Add `/webhooks`."""
        from gaffer_webhooks.routes import make_routes

        return make_routes(kernel)


plugin = WebHooks()
