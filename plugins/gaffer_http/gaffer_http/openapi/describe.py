"""What a view says of the requests it takes and of its answers: plain data, which costs nothing.

A plugin can set the attribute `gaffer_openapi` of a view itself, to a mapping of the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec import Struct

DESCRIPTION = "gaffer_openapi"

Kind: TypeAlias = Any
"""A type that msgspec knows, or a tuple of them: one of these. None for any bytes."""

Content: TypeAlias = Kind | Mapping[str, Kind]
"""The type of JSON, or that of each content type."""

View = TypeVar("View", bound=Callable[..., Any])


class Description(TypedDict, total=False):
    """What a view can say of itself. Its docstring says the rest.

    Attributes:
        answers: what it answers when all is well, by status.
        body: what it takes.
        optional: whether the body may be absent.
        feed: whether it also answers as a feed, with the parameters of one.
        path: the types of parameters in the path, where their names do not tell.
        query: a Struct of the parameters behind the path.
        headers: a Struct of the headers it reads.
        errors: statuses that are not every such route's, see `openapi.errors`.
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
    """Mark a view with what `/openapi.json` tells of it."""

    def mark(view: View) -> View:
        setattr(view, DESCRIPTION, description)
        return view

    return mark
