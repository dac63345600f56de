"""The views of an application, with their descriptions in the form of quart-schema's decorators."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, cast

from quart import Quart
from quart_schema import document

from gaffer_http.errors import JSON
from gaffer_http.feeds import sse
from gaffer_http.feeds.forms import LINES
from gaffer_http.feeds.query import FeedQuery
from gaffer_http.openapi.describe import DESCRIPTION, Description
from gaffer_http.openapi.schemas import check_content

log = logging.getLogger(__name__)


class Views:
    """Replaces an application for quart-schema, so that the application stays unchanged.

    It has the attributes of a Quart that an OpenAPIProvider reads.
    """

    def __init__(self, app: Quart) -> None:
        self.url_map = app.url_map
        self.blueprints = app.blueprints
        self.config = {
            "QUART_SCHEMA_CONVERSION_PREFERENCE": "msgspec",
            "QUART_SCHEMA_CONVERT_CASING": False,
        }
        self.view_functions = {
            endpoint: _declared(endpoint, view) for endpoint, view in app.view_functions.items()
        }


def get_description(view: Callable[..., Any]) -> Description:
    """Return the description of a view."""
    return cast(Description, getattr(view, DESCRIPTION, {}))


def _declared(endpoint: str, view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for a view; without a description if it is described wrongly."""

    def stand_in() -> None:
        raise NotImplementedError

    update_wrapper(stand_in, view)
    description = get_description(view)
    try:
        _check(description)
    except (AttributeError, TypeError, ValueError) as error:
        log.warning("%s of the view %s is wrong: %s", DESCRIPTION, endpoint, error)
        setattr(stand_in, DESCRIPTION, {})
        return stand_in
    answers = dict(description.get("answers", {}))
    query = description.get("query")
    if description.get("feed"):
        answers[200] = {JSON: answers[200], LINES: str, sse.MEDIA: str}
        query = query or FeedQuery
    return document(
        querystring=query,
        request=description.get("body"),
        headers=description.get("headers"),
        responses={status: (content, None) for status, content in answers.items()},
    )(stand_in)


def _check(description: Mapping[str, Any]) -> None:
    """Check a description.

    Raises:
        TypeError, ValueError, AttributeError: it is invalid.
    """
    for key in description:
        if key not in Description.__annotations__:
            raise ValueError(f"there is no {key!r}")
    for content in (
        *description.get("answers", {}).values(),
        *description.get("path", {}).values(),
        *(description[key] for key in ("body", "query", "headers") if key in description),
    ):
        check_content(content)
    if description.get("feed") and 200 not in description.get("answers", {}):
        raise ValueError("a feed answers 200")
