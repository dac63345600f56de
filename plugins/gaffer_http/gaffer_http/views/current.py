"""The API and the kernel of the current request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from quart import current_app, has_request_context, request, websocket

from gaffer_http.errors import ApiError
from gaffer_http.scope import RequestContext

if TYPE_CHECKING:
    from gaffer_kernel import Kernel

    from gaffer_http.app import Api


def current_api() -> Api:
    """Return the API that the current request was sent to."""
    return cast("Api", current_app)


def current_kernel() -> Kernel:
    """Return the kernel that the current request is about."""
    return current_api().kernel


def current_request() -> Any:
    """Return the current request or websocket of Quart."""
    return request if has_request_context() else websocket


def current_context() -> RequestContext:
    """Return what gaffer-http knows about the current request or websocket."""
    return RequestContext(current_request().scope)


def check_running() -> None:
    """Refuse to change anything while the kernel is stopping.

    Raises:
        ApiError: 503.
    """
    if current_kernel().stopping:
        raise ApiError(503, "shutting_down", "gaffer is shutting down")
