"""The errors that a route can answer, read off what it is."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from gaffer_http.auth.middleware import READING

CALLER = (400, 401, 403, 421, 429)
"""It is asked wrongly, or by somebody who may not."""
PATH = (404,)
CHANGE = (415, 503)
BODY = (408, 413)


def error_statuses(method: str, *, path: bool, body: bool) -> set[int]:
    """The errors that every such route can answer.

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
    """The answers of an operation: each is told in full only once."""
    return {str(each): {"$ref": f"#/components/responses/{each}"} for each in sorted(set(statuses))}


def error_responses(statuses: Iterable[int], schema: dict[str, Any]) -> dict[str, Any]:
    """What the references point to."""
    return {
        str(each): {
            "description": HTTPStatus(each).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        for each in sorted(statuses)
    }
