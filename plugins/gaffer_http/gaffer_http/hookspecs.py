"""The hooks that gaffer-http brings: routes of other plugins, and who is calling."""

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

    Called when the API opens, for every plugin that is not closed, and again for all that are open
    when one of them has been opened, closed or reloaded: the routes of a plugin come and go with
    it. Those that were there already stay as they are, whatever this returns then. A request to a
    plugin that closes is broken. Implement it with `@hookimpl(optionalhook=True)`, and import quart
    inside: neither need be installed then.

    Handlers are quart-trio's. Who may call has been settled before they are asked, and what they
    raise is answered in the API's one form: an InvalidField as 400, a NotFound as 404, any
    HTTPException by its status, everything else as 500.

    Args:
        kernel: what the routes are about; it is not running yet.

    Returns:
        A Blueprint, or several. Two of one name are an error that names the plugin.
    """


@hookspec
def gaffer_http_caller(kernel: Kernel, credentials: Credentials) -> Caller | None:
    """Say who shows a token or a certificate, and what he may do.

    Called for every request and every websocket that comes with one; the first plugin that knows
    him decides. Must not block. Who comes without is let in only if his is the user of the API, or
    root, on this machine.

    That a plugin implements it lets endpoints with TLS listen to the network.

    Args:
        kernel: whose API is called.
        credentials: what he shows: `token`, else `certificate`; and `peer`, the other end.

    Returns:
        An object with `name`, for people; `may(right, session)`, which says whether he has the
        right `read`, `write` or `manage` in a session, or in all of them with None; and
        `admitted()`, a context manager that is entered around what he asks for, and cancels it
        should he lose his rights meanwhile. None for somebody unknown, who is refused.
    """
