"""The hook that gaffer-http brings: routes of other plugins under the same roof."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookspec

if TYPE_CHECKING:
    from gaffer_kernel import Kernel
    from quart import Blueprint


@hookspec
def gaffer_http_routes(kernel: Kernel) -> Blueprint | Iterable[Blueprint] | None:
    """Add routes to the HTTP API.

    Called once, when the API opens, for every plugin that is not closed. Implement it with
    `@hookimpl(optionalhook=True)`, and import quart inside: neither need be installed then.

    Handlers are quart-trio's. Who may call has been settled before they are asked, and what they
    raise is answered in the API's one form: an InvalidField as 400, a NotFound as 404, any
    HTTPException by its status, everything else as 500.

    Args:
        kernel: what the routes are about; it is not running yet.

    Returns:
        A Blueprint, or several. Two of one name are an error that names the plugin.
    """
