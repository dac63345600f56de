"""Responses: JSON encoded by msgspec, and plain text."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response

from gaffer_http.errors import JSON

_encode = msgspec.json.Encoder().encode


def json_response(value: Any, status: int = 200, *, location: str | None = None) -> Response:
    """Return a JSON response.

    Args:
        value: anything that msgspec can encode.
        status: the HTTP status.
        location: the path of what was created, for the header `Location`.
    """
    headers = {"location": location} if location is not None else None
    return Response(_encode(value), status, headers, content_type=JSON)


def text_response(value: str) -> Response:
    """Return plain text, for people and shell scripts."""
    return Response(value, content_type="text/plain; charset=utf-8")
