"""The document itself: made when it is first asked for, and again when there are other routes."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Quart


class Document:
    """The OpenAPI document of an application.

    quart-schema is imported when it is first made, so that the API need not wait for it at its
    start, and is no extension of the application, as that would add pages that load programs of
    others, and take part in every answer.

    Args:
        app: what it describes.
        version: that of the API.
    """

    def __init__(self, app: Quart, version: str) -> None:
        self._app = app
        self._version = version
        self._routes: object = None
        self._made = b""

    def make(self) -> bytes:
        """The document, JSON."""
        rules = self._app.url_map.iter_rules()
        routes = [(rule.rule, rule.endpoint, rule.methods) for rule in rules]
        if routes != self._routes:
            self._made = msgspec.json.encode(describe_routes(self._app, self._version))
            self._routes = routes
        return self._made


def describe_routes(app: Quart, version: str) -> dict[str, Any]:
    """What OpenAPI 3.1 says of all the routes of an application."""
    from quart_schema import APIKeySecurityScheme, HttpSecurityScheme, Info, QuartSchema

    from gaffer_http.openapi.provider import Provider
    from gaffer_http.openapi.views import Views

    settings = QuartSchema(
        info=Info(
            title="gaffer",
            version=version,
            description="Processes under control. What answers GET also answers HEAD.",
        ),
        security_schemes={
            "token": HttpSecurityScheme(scheme="bearer"),
            "key": APIKeySecurityScheme(name="X-Api-Key", in_="header"),
        },
        # The owner, on the same machine, needs none.
        security=[{}, {"token": []}, {"key": []}],
    )
    views = Views(app)
    return Provider(views, settings).schema()
