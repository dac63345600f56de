"""The plugin as an object, for programs that embed a kernel and have hooks of their own."""

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
    """Posts events to URLs. It holds nothing of a kernel: several may have the same one.

    Args:
        hooks: pattern and URL of each hook, and its secret if it has one; besides those of the
            file. They are trusted, and stay as long as the plugin is open.

    Raises:
        InvalidField: one of them is wrong.
    """

    name = "webhooks"

    def __init__(self, hooks: Iterable[tuple[str, str] | tuple[str, str, str]] = ()) -> None:
        self._hooks = tuple(
            make_hook(pattern, url, *secret, trusted=True, fixed=True)
            for pattern, url, *secret in hooks
        )

    @hookimpl
    def gaffer_config_sections(self) -> Iterable[str]:
        """The section of hooks."""
        return ("webhooks",)

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section; it is read again when the plugin opens."""
        from gaffer_webhooks.settings import read_settings

        read_settings(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Webhooks]:
        """Post events for the plugin's whole life."""
        from gaffer_webhooks.service import open_webhooks

        return open_webhooks(kernel, self._hooks)

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel: Kernel) -> Blueprint:
        """Add `/webhooks`."""
        from gaffer_webhooks.routes import make_routes

        return make_routes(kernel)


plugin = WebHooks()
