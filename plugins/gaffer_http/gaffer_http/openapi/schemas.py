"""JSON schemas of types: all made at once, so that two types of the same name do not conflict."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import msgspec

from gaffer_http.openapi.describe import Content, Kind

MORE = "json_schema_more"
"""Attribute of a Struct: additions to the schema that msgspec makes."""

_TEMPLATE = "#/components/schemas/{name}"


class Schemas:
    """Schemas that are returned empty, and filled when all the types are known."""

    def __init__(self) -> None:
        self._given: list[tuple[Any, dict[str, Any]]] = []

    def schema(self, kind: Kind) -> dict[str, Any]:
        """Return the schema of a type, or of one of several. It is empty until `fill`."""
        if isinstance(kind, tuple):
            return {"anyOf": [self.schema(each) for each in kind]}
        schema: dict[str, Any] = {}
        if kind is not None:
            self._given.append((kind, schema))
        return schema

    def content(self, content: Content) -> dict[str, Any]:
        """Return the OpenAPI content of a request or response."""
        return {
            media.partition(";")[0]: {"schema": self.schema(kind)}
            for media, kind in _by_media(content).items()
        }

    def fill(self) -> dict[str, Any]:
        """Fill all the schemas; return those that they refer to, by name."""
        schemas, components = msgspec.json.schema_components(
            [kind for kind, _ in self._given], ref_template=_TEMPLATE
        )
        for (kind, given), schema in zip(self._given, schemas, strict=True):
            given.update(schema)
            if more := getattr(kind, MORE, None):
                components[schema["$ref"].rpartition("/")[2]].update(more)
        for component in components.values():
            if "description" in component:
                # The rest of a docstring is for Python programmers.
                component["description"] = cleandoc(component["description"]).partition("\n\n")[0]
        return components


def check_content(content: Content) -> None:
    """Check that there is a schema for some content.

    Raises:
        TypeError: JSON has no such types.
    """
    for kind in _by_media(content).values():
        for each in kind if isinstance(kind, tuple) else (kind,):
            msgspec.json.schema(each)


def _by_media(content: Content) -> Mapping[str, Kind]:
    return content if isinstance(content, Mapping) else {"application/json": content}
