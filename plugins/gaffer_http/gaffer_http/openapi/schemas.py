"""JSON schemas of types: all made at once, so that two of one name do not hinder each other."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import msgspec

from gaffer_http.openapi.describe import Content, Kind

MORE = "json_schema_more"
"""Attribute of a Struct: what belongs into its schema, beside what msgspec can tell."""

_TEMPLATE = "#/components/schemas/{name}"


class Schemas:
    """Schemas that are given out empty, and filled when all the types are known."""

    def __init__(self) -> None:
        self._given: list[tuple[Any, dict[str, Any]]] = []

    def of(self, kind: Kind) -> dict[str, Any]:
        """The schema of a type, or of one of several. It is empty until `fill`."""
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(each) for each in kind]}
        schema: dict[str, Any] = {}
        if kind is not None:
            self._given.append((kind, schema))
        return schema

    def content(self, content: Content) -> dict[str, Any]:
        """What OpenAPI calls the content of a request or of an answer."""
        return {
            media.partition(";")[0]: {"schema": self.of(kind)}
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
                # The rest of a docstring is for those who write Python.
                component["description"] = cleandoc(component["description"]).partition("\n\n")[0]
        return components


def check_content(content: Content) -> None:
    """Find out whether there is a schema of some content.

    Raises:
        TypeError: it is not of types that JSON has.
    """
    for kind in _by_media(content).values():
        for each in kind if isinstance(kind, tuple) else (kind,):
            msgspec.json.schema(each)


def _by_media(content: Content) -> Mapping[str, Kind]:
    return content if isinstance(content, Mapping) else {"application/json": content}
