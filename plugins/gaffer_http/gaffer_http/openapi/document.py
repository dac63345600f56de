"""The OpenAPI document: made when it is first requested, and again when the routes change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from gaffer_kernel.plugin import JobOptions
from msgspec import Struct
from quart import Quart


class Document:
    """The OpenAPI document of an application.

    quart-schema is imported by `preload` or when the document is first made, so that it does not
    delay the start of the API. It is not an extension of the application, because that would add
    pages that load programs from other sites, and would run with every response.

    Args:
        app: the application.
        version: that of the API.
        get_options: returns the keys that plugins add to jobs.
    """

    def __init__(self, app: Quart, version: str, get_options: Callable[[], JobOptions]) -> None:
        self._app = app
        self._version = version
        self._get_options = get_options
        self._routes: object = None
        self._made = b""

    def make(self) -> bytes:
        """Return the document, JSON."""
        rules = self._app.url_map.iter_rules()
        routes = [(rule.rule, rule.endpoint, rule.methods) for rule in rules]
        structs = self._get_options().structs
        if (routes, structs) != self._routes:
            document = describe_routes(self._app, self._version, structs)
            self._made = msgspec.json.encode(document)
            self._routes = (routes, structs)
        return self._made


def preload() -> None:
    """Import what making a document needs."""
    # Imports the packages that describe_routes imports.
    import gaffer_http.openapi.provider  # noqa: F401


def describe_routes(
    app: Quart, version: str, job_options: Sequence[type[Struct]] = ()
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of all the routes of an application.

    Args:
        app: the application.
        version: that of the API.
        job_options: the types whose fields plugins add to jobs.
    """
    from quart_schema import APIKeySecurityScheme, HttpSecurityScheme, Info, QuartSchema

    from gaffer_http.openapi.provider import Provider
    from gaffer_http.openapi.views import Views

    settings = QuartSchema(
        info=Info(
            title="gaffer",
            version=version,
            description="Supervises processes. Paths with GET also have HEAD.",
        ),
        security_schemes={
            "token": HttpSecurityScheme(scheme="bearer"),
            "key": APIKeySecurityScheme(name="X-Api-Key", in_="header"),
        },
        # The owner, on the same machine, needs none.
        security=[{}, {"token": []}, {"key": []}],
    )
    views = Views(app)
    return Provider(views, settings, job_options).schema()
