"""Conversion of routes to OpenAPI: quart-schema, and what it cannot know of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from msgspec import Struct
from quart_schema import DataSource, OpenAPIProvider, QuartSchema
from werkzeug.routing import Rule

from gaffer_http.errors import Error
from gaffer_http.openapi.describe import Content
from gaffer_http.openapi.errors import error_references, error_responses, error_statuses
from gaffer_http.openapi.parameters import PARAMETERS
from gaffer_http.openapi.schemas import Schemas, simplify
from gaffer_http.openapi.views import Views, get_description

_PARAMETER = re.compile("<(?:[^<>:]*:)?([^<>]+)>")
_UNDESCRIBED = {"default": {"description": "Not described."}}


class Provider(OpenAPIProvider):
    """Makes one document.

    quart-schema itself loses the types that a Struct refers to, and knows no content but JSON and
    forms.
    """

    def __init__(
        self, views: Views, extension: QuartSchema, job_options: Sequence[type[Struct]] = ()
    ) -> None:
        super().__init__(views, extension)  # type: ignore[arg-type]
        self._views = views
        self._schemas = Schemas(job_options)
        self._errors: set[int] = set()

    def schema(self) -> dict[str, Any]:
        """Return the document."""
        whole = super().schema()
        error = self._schemas.schema(Error)
        whole["components"]["schemas"] = self._schemas.fill()
        whole["components"]["responses"] = error_responses(self._errors, error)
        simplify(whole)
        return whole

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the operations of a path."""
        built, components = super().build_paths(rule)
        [operations] = built.values()
        # quart-schema takes `<a>/<any(b, c):d>` for a single parameter.
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        for method, operation in operations.items():
            operation["operationId"] = _operation_id(method, path)
            self._complete(rule, method, operation)
        return {path: operations}, components

    def _complete(self, rule: Rule, method: str, operation: dict[str, Any]) -> None:
        if not operation.get("description"):
            operation.pop("description", None)
        if method in ("get", "delete"):
            operation.pop("requestBody", None)
        operation["tags"] = [rule.endpoint.rpartition(".")[0] or "other"]
        description = get_description(self._views.view_functions[rule.endpoint])
        if "requestBody" in operation and not description.get("optional"):
            operation["requestBody"]["required"] = True
        self._type_parameters(
            operation["parameters"], {**PARAMETERS, **description.get("path", {})}
        )
        statuses = set(description.get("errors", ())) | error_statuses(
            method.upper(), path=bool(rule.arguments), body="requestBody" in operation
        )
        self._errors |= statuses
        operation["responses"] = {
            **({} if "answers" in description else _UNDESCRIBED),
            **_described(operation["responses"]),
            **error_references(statuses),
        }

    def _type_parameters(
        self, parameters: Iterable[dict[str, Any]], kinds: Mapping[str, Any]
    ) -> None:
        for parameter in parameters:
            if parameter["in"] == "path" and parameter["name"] in kinds:
                parameter["schema"] = self._schemas.schema(kinds[parameter["name"]])
            elif "enum" in parameter["schema"]:
                # They come from a set, in any order.
                parameter["schema"]["enum"].sort()

    def build_request_body(
        self, model: Content, source: DataSource
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the schema of a request body."""
        return {"content": self._schemas.content(model)}, {}

    def build_response_object(
        self, model: Content, headers_model: object
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the schema of a response."""
        return {"content": self._schemas.content(model)}, {}

    def generate_methods(self, rule: Rule) -> Iterable[str]:
        """Return the methods in a fixed order. Routes with GET also have HEAD."""
        return sorted(super().generate_methods(rule))


def _operation_id(method: str, path: str) -> str:
    """Return a name of an operation; a path that ends with `/` has one of its own."""
    words = [word.strip("_") for word in re.findall(r"\w+", path)]
    return "_".join((method, *words, *(["index"] if path.endswith("/") else [])))


def _described(responses: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        str(status): {"description": HTTPStatus(status).phrase, **response}
        for status, response in responses.items()
    }
