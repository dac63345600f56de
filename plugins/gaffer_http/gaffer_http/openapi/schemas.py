"""JSON schemas of types: all made at once, so that two types of the same name do not conflict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from inspect import cleandoc
from itertools import groupby
from typing import Any

import msgspec
from gaffer_kernel.plugin import OPTIONS
from msgspec import Struct

from gaffer_http.openapi.describe import Content, Kind

MORE = "json_schema_more"
"""Attribute of a Struct: additions to the schema that msgspec makes."""

_TEMPLATE = "#/components/schemas/{name}"

_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


class Schemas:
    """Schemas that are returned empty, and filled when all the types are known.

    Args:
        job_options: the types whose fields plugins add to jobs.
    """

    def __init__(self, job_options: Sequence[type[Struct]] = ()) -> None:
        self._job_options = job_options
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
        kinds = [kind for kind, _ in self._given]
        schemas, components = msgspec.json.schema_components(
            [*kinds, *self._job_options], ref_template=_TEMPLATE
        )
        options = [components.pop(_get_name(each)) for each in schemas[len(kinds) :]]
        _add_job_options(components, [each["properties"] for each in options])
        for (kind, given), schema in zip(self._given, schemas, strict=False):
            given.update(schema)
            if more := getattr(kind, MORE, None):
                components[_get_name(schema)].update(more)
        for component in components.values():
            if "description" in component:
                # The rest of a docstring is for Python programmers.
                component["description"] = cleandoc(component["description"]).partition("\n\n")[0]
        names = _short_names(components)
        for node in _nodes([*(given for _, given in self._given), components]):
            if "$ref" in node:
                prefix, _, name = node["$ref"].rpartition("/")
                node["$ref"] = f"{prefix}/{names[name]}"
        for name, component in components.items():
            if "title" in component:
                component["title"] = names[name]
        return {names[name]: component for name, component in components.items()}


def _get_name(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _add_job_options(components: Mapping[str, Any], options: Iterable[Mapping[str, Any]]) -> None:
    """Put the options of plugins in the place of the field `options` of a job."""
    for component in components.values():
        properties = component.get("properties", {})
        if OPTIONS in properties.get("options", {}):
            del properties["options"]
            if "options" in component.get("required", ()):
                component["required"].remove("options")
            for each in options:
                properties.update(deepcopy(dict(each)))


def simplify(document: dict[str, Any]) -> None:
    """Rewrite what generators of clients do not understand, with the same meaning."""
    for node in _nodes(document):
        _simplify(node)


def check_content(content: Content) -> None:
    """Check that there is a schema for some content.

    Raises:
        TypeError: JSON has no such types.
    """
    for kind in _by_media(content).values():
        for each in kind if isinstance(kind, tuple) else (kind,):
            msgspec.json.schema(each)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a tree, outer ones first, each once."""
    waiting, seen = [tree], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and id(node) not in seen:
            seen.add(id(node))
            yield node
        waiting += (
            node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        )


def _simplify(node: dict[str, Any]) -> None:
    if node.get("type") in ("number", "integer") and "pattern" in node:
        _split_units(node)
    if isinstance(node.get("anyOf"), list):
        node["anyOf"] = [part for each in node["anyOf"] for part in _split_enum(each)]
    elif len(parts := _split_enum(node)) > 1:
        del node["enum"]
        node["anyOf"] = parts
    properties = node.get("properties", {})
    for name in [name for name, schema in properties.items() if _is_empty_array(schema)]:
        # It can be given from Python only.
        del properties[name]


def _split_units(node: dict[str, Any]) -> None:
    """Make two alternatives of a number that may also be a text with a unit."""
    text = {"type": "string", "pattern": node.pop("pattern")}
    bounds = {key: node.pop(key) for key in ("type", "minimum", "maximum") if key in node}
    node["anyOf"] = [bounds, text]


def _split_enum(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one schema for each JSON type of an enum, or the schema itself."""
    values = schema.get("enum", ()) if isinstance(schema.get("enum", ()), list) else ()
    kinds = sorted({_JSON_TYPES[type(value)] for value in values if type(value) in _JSON_TYPES})
    if len(kinds) < 2:
        return [schema]
    return [
        {"type": kind, "enum": [value for value in values if _JSON_TYPES[type(value)] == kind]}
        for kind in kinds
    ]


def _is_empty_array(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("maxItems") == 0


def _short_names(components: Mapping[str, Any]) -> dict[str, str]:
    """Return a name for each component without its module, which msgspec adds to equal names."""
    names: dict[str, str] = {}
    by_class = sorted(components, key=lambda name: name.rpartition(".")[2])
    for short, same in groupby(by_class, lambda name: name.rpartition(".")[2]):
        for number, name in enumerate(sorted(same), start=1):
            package = name.partition(".")[0].removeprefix("gaffer_")
            own = package == "http" or "." not in name
            wanted = short if own else f"{package.title().replace('_', '')}{short}"
            names[name] = wanted if wanted not in names.values() else f"{wanted}{number}"
    return names


def _by_media(content: Content) -> Mapping[str, Kind]:
    return content if isinstance(content, Mapping) else {"application/json": content}
