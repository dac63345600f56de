"""`/openapi.json`: the description of all routes, for programs."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response

from gaffer_http.auth.marks import open_to_all
from gaffer_http.errors import JSON
from gaffer_http.openapi.describe import describes
from gaffer_http.views.current import current_api

routes = Blueprint("openapi", __name__)


@routes.get("/openapi.json")
@open_to_all
@describes(answers={200: dict[str, Any]})
async def show_document() -> Response:
    """Describe all routes, also those of plugins, with OpenAPI 3.1."""
    return Response(current_api().document.make(), content_type=JSON)
