"""`/`, `/ping` and `/version`: identify gaffer, check that it runs, show its version."""

from __future__ import annotations

from functools import cache
from typing import Literal

from importlib_metadata import version
from quart import Blueprint, Response

from gaffer_http.auth.marks import open_to_all
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Version, Welcome
from gaffer_http.views.responses import json_response, text_response

API = 1
"""Increased when clients of the API have to change."""

routes = Blueprint("root", __name__)


@routes.get("/")
@open_to_all
@describes(answers={200: Welcome})
async def welcome() -> Response:
    """Show a greeting with the version."""
    return json_response({"welcome": "gaffer", "version": get_version()})


@routes.get("/ping")
@open_to_all
@describes(answers={200: {"text/plain": Literal["OK"]}})
async def ping() -> Response:
    """Answer OK."""
    return text_response("OK")


@routes.get("/version")
@open_to_all
@describes(answers={200: Version})
async def show_version() -> Response:
    """Show the version of gaffer and of this API."""
    return json_response({"name": "gaffer", "version": get_version(), "api": API})


@cache
def get_version() -> str:
    """Return the version of gaffer that runs, even if another one has been installed meanwhile."""
    return version("gaffer-kernel")
