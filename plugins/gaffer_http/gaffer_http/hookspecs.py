"""The hooks of gaffer-http: routes of other plugins, and the identity of callers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_kernel.plugin import hookspec

if TYPE_CHECKING:
    from gaffer_kernel import Kernel
    from quart import Blueprint

    from gaffer_http.auth.caller import Caller, Credentials


@hookspec
def gaffer_http_routes(kernel: Kernel) -> Blueprint | Iterable[Blueprint] | None:
    """Add routes to the HTTP API.

    Called when the API opens, for every plugin that is not closed, and again for all open plugins
    after one of them was opened, closed or reloaded: the routes of a plugin come and go with it.
    Routes that exist already stay as they are, whatever the later call returns. Requests to a
    plugin that closes are cancelled. Implement it with `@hookimpl(optionalhook=True)`, and import
    quart and `gaffer_http.plugin_api` inside: the plugin then works where they are not installed.

    Handlers are quart-trio's. The API checks the caller's permission before it calls them, and
    answers their exceptions in its one form: an InvalidField with 400, a NotFound with 404, an
    HTTPException with its status, everything else with 500.

    Args:
        kernel: what the routes are about; it is not running yet.

    Returns:
        A Blueprint, or several. Two of the same name are an error that names the plugin.
    """


@hookspec
def gaffer_http_caller(kernel: Kernel, credentials: Credentials) -> Caller | None:
    """Identify the caller by a token or a certificate, with their permissions.

    Called for every request and every websocket that has one; the first plugin that returns a
    caller decides. Must not block. A request without token and certificate is admitted only if it
    comes from the user of the API, or from root, on this machine.

    With a plugin that implements this hook, endpoints with TLS may listen to the network.

    Args:
        kernel: the one whose API is called.
        credentials: the `token`, otherwise the `certificate`; and `peer`, the other end.

    Returns:
        An object with `name`, for the audit log; `may(right, session)`, which returns whether the
        caller has the permission `read`, `write` or `manage` in a session, or in every session if
        it is None; and `revocable_scope()`, a context manager that is entered around each request,
        and cancels it when the caller's permissions are revoked. None for unknown credentials,
        which are refused.
    """
