"""The check that a request sends nothing that its view would ignore."""

from __future__ import annotations

from quart import current_app, request

from gaffer_http.auth.middleware import READING
from gaffer_http.errors import error_from_status
from gaffer_http.feeds.query import FeedQuery
from gaffer_http.openapi.describe import DESCRIPTION
from gaffer_http.views.parameters import check_parameters


def check_input() -> None:
    """Refuse parameters and a body that the description of the current view does not have.

    Views without a description, of other plugins, check their input themselves.

    Raises:
        InvalidField: a parameter is unknown; it is named, with a suggestion.
        ApiError: 400, there is a body, but the view takes none.
    """
    if request.url_rule is None or request.method == "OPTIONS":
        return
    view = current_app.view_functions[request.endpoint or ""]
    description = getattr(view, DESCRIPTION, None)
    if not isinstance(description, dict):
        return
    query = description.get("query") or (FeedQuery if description.get("feed") else None)
    check_parameters(*(query.__struct_fields__ if query else ()))
    if request.method not in READING and "body" not in description and _has_body():
        reason = f"{request.method} {request.path} takes no body: leave it out"
        raise error_from_status(400, reason)


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
