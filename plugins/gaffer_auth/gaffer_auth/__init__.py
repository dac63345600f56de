"""Who calls the HTTP API of gaffer, and what he may: tokens with scopes, clients' certificates.

    service                      what gaffer-http asks: `kernel.services["auth"]`
    identity, admissions         somebody who is known, and what he asks for while he may
    book                         what gafferd knows of the file
    audit, settings              the log of changes; the section `[auth]`
    certificates                 the names in the certificate of a client
    command, options, show       the command `gaffer-auth`
    reading, writing             the file
    derivation                   tokens for single nodes of a cluster
    entries, moments, place      what it holds; times as people write them; where it is

Importing it must stay cheap: the command does so each time it is run, and needs neither trio nor
the kernel.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from pluggy import HookimplMarker

if TYPE_CHECKING:
    from gaffer_http.auth.caller import Caller, Credentials
    from gaffer_kernel import Config, Kernel

    from gaffer_auth.service import Auth

__all__: list[str] = []

# That of the kernel, without importing the kernel.
hookimpl = HookimplMarker("gaffer")


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """Where the file of tokens is, and the audit log."""
    return ("auth",)


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Check the section, and the file if there is one."""
    from gaffer_auth.settings import check

    check(config)


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[Auth]:
    """Offer `kernel.services["auth"]` for the plugin's whole life."""
    from gaffer_auth.service import open_auth

    return open_auth(kernel)


@hookimpl(optionalhook=True)
def gaffer_http_caller(kernel: Kernel, credentials: Credentials) -> Caller | None:
    """Say whose token or certificate it is."""
    auth: Auth | None = kernel.services.get("auth")
    return auth.identify(credentials) if auth is not None else None
