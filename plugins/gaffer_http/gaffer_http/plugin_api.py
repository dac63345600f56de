"""The public names of gaffer-http for plugins with routes, or plugins that identify callers.

Everything else in this package may change at any time. gaffer-http need not be installed where such
a plugin runs: import this module in the module with the routes, and that module only inside
`gaffer_http_routes`, which only gaffer-http calls.

The service `get_http_service(kernel)` has what views ask at run time: the caller, their
permissions, the body, feeds, and whether the API is closing.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from gaffer_http.auth.caller import Caller, Credentials, Owner, Right
from gaffer_http.auth.marks import checks_permissions, needs, open_to_all, without_page_key
from gaffer_http.errors import ApiError
from gaffer_http.listen.endpoints import read_endpoints
from gaffer_http.openapi.describe import describes
from gaffer_http.serve.peer import Peer
from gaffer_http.service import HttpService

if TYPE_CHECKING:
    from gaffer_kernel import Kernel
    from quart import Response

__all__ = [
    "ApiError",
    "Caller",
    "Credentials",
    "HttpService",
    "Owner",
    "Peer",
    "Right",
    "checks_permissions",
    "describes",
    "get_http_service",
    "json_response",
    "needs",
    "open_to_all",
    "read_endpoints",
    "request_lifetime",
    "without_page_key",
]


def get_http_service(kernel: Kernel) -> HttpService:
    """Return the service of gaffer-http, `kernel.services["http"]`.

    Raises:
        KeyError: the API is not open; a view is never called then.
    """
    return cast(HttpService, kernel.services["http"])


def json_response(value: Any, status: int = 200, *, location: str | None = None) -> Response:
    """Return a JSON response.

    Args:
        value: anything that msgspec can encode.
        status: the HTTP status.
        location: the path of what was created, for the header `Location`.
    """
    # Imported late: quart is slow to import, and gaffer_lookupd imports this module at its start.
    from gaffer_http.views.responses import json_response

    return json_response(value, status, location=location)


def request_lifetime() -> AsyncExitStack:
    """Return the exit stack that is closed when the current request or websocket is over.

    A view registers there what its response needs until it is sent: an open file, a subscription.
    It is closed in every case, also when the client disconnects or the plugin closes.
    """
    from gaffer_http.views.current import current_context

    lifetime = current_context().lifetime
    assert lifetime is not None
    return lifetime
