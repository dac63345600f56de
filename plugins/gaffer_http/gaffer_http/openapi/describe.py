"""Descriptions of views, of their requests and responses: plain data, which costs nothing.

A plugin can set the attribute `gaffer_openapi` of a view itself, to a mapping of the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec import Struct

DESCRIPTION = "gaffer_openapi"

Kind: TypeAlias = Any
"""A type that msgspec knows, or a tuple of alternatives. None for any bytes."""

Content: TypeAlias = Kind | Mapping[str, Kind]
"""The type of JSON, or that of each content type."""

View = TypeVar("View", bound=Callable[..., Any])


class Description(TypedDict, total=False):
    """The description of a view. Its docstring gives the rest.

    Attributes:
        answers: the responses without errors, by status.
        body: the request body.
        optional: whether the body may be absent.
        feed: whether it also answers as a feed, with the parameters of one.
        path: the types of path parameters that their names do not determine.
        query: a Struct of the query parameters.
        headers: a Struct of the headers it reads.
        errors: statuses that not every such route has, see `openapi.errors`.
    """

    answers: Mapping[int, Content]
    body: Content
    optional: bool
    feed: bool
    path: Mapping[str, Kind]
    query: type[Struct]
    headers: type[Struct]
    errors: tuple[int, ...]


def describes(**description: Unpack[Description]) -> Callable[[View], View]:
    """Mark a view with its description for `/openapi.json`.

    Args:
        description: the keys of Description.
    """

    def mark(view: View) -> View:
        setattr(view, DESCRIPTION, description)
        return view

    return mark
