"""Answers: JSON by msgspec, and the states that every route must respect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from quart import Response, current_app

from gaffer_http.errors import JSON, ApiError

if TYPE_CHECKING:
    from gaffer_kernel import Kernel

    from gaffer_http.app import Api

_encode = msgspec.json.Encoder().encode


def api() -> Api:
    """The API that the current request was sent to."""
    return cast("Api", current_app)


def kernel() -> Kernel:
    """The kernel that the current request is about."""
    return api().kernel


def check_running() -> None:
    """Refuse to change anything while the kernel is starting or stopping.

    Raises:
        ApiError: 503.
    """
    if kernel().stopping:
        raise ApiError(503, "shutting_down", "gaffer is shutting down")
    if not kernel().started.is_set():
        raise ApiError(503, "starting", "gaffer is still starting: try again in a moment")


def reply(value: Any, status: int = 200, *, location: str | None = None) -> Response:
    """A JSON answer.

    Args:
        value: what msgspec can encode.
        status: of HTTP.
        location: where what was created is found.
    """
    headers = {"location": location} if location is not None else None
    return Response(_encode(value), status, headers, content_type=JSON)


def text(value: str) -> Response:
    """An answer for people and shell scripts: the bare word."""
    return Response(value, content_type="text/plain; charset=utf-8")
