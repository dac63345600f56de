"""The plugin `auth`: the section `[auth]`, the service `auth`, and the callers of the HTTP API."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel import Config, Kernel, hookimpl

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller, Credentials

    from gaffer_auth.service import Auth


class AuthPlugin:
    """Identifies callers of the HTTP API by their tokens and certificates."""

    name = "auth"

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Own `[auth]`: the path of the tokens file, and the audit log."""
        return ("auth",)

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Check the section, and the file if there is one."""
        from gaffer_auth.settings import check

        check(config)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[Auth]:
        """Offer `kernel.services["auth"]` while the plugin is open."""
        from gaffer_auth.service import open_auth

        return open_auth(kernel)

    @hookimpl(optionalhook=True)
    def gaffer_http_caller(self, kernel: Kernel, credentials: Credentials) -> Caller | None:
        """Return the caller with the token or certificate."""
        auth: Auth | None = kernel.services.get("auth")
        return auth.identify(credentials) if auth is not None else None


plugin = AuthPlugin()
