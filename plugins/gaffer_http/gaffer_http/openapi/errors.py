"""The errors that a route can answer, derived from its method, path and body."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from gaffer_http.auth.middleware import READING

CALLER = (400, 401, 403, 421, 429)
"""The request is wrong, or its caller has no access."""
PATH = (404,)
CHANGE = (415, 503)
BODY = (408, 413)


def error_statuses(method: str, *, path: bool, body: bool) -> set[int]:
    """Return the errors that every such route can answer.

    Args:
        method: of HTTP.
        path: whether its path has parameters.
        body: whether it reads one.
    """
    return {
        *CALLER,
        *(PATH if path else ()),
        *(() if method in READING else CHANGE),
        *(BODY if body else ()),
    }


def error_references(statuses: Iterable[int]) -> dict[str, Any]:
    """Return the error responses of an operation, as references: each is described only once."""
    return {str(each): {"$ref": f"#/components/responses/{each}"} for each in sorted(set(statuses))}


def error_responses(statuses: Iterable[int], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the responses that the references point to."""
    return {
        str(each): {
            "description": HTTPStatus(each).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        for each in sorted(statuses)
    }
