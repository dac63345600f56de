"""`/`, `/ping` and `/version`: is it gaffer, is it alive, which one."""

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
"""Rises when a client of the API would have to change."""

routes = Blueprint("root", __name__)


@routes.get("/")
@open_to_all
@describes(answers={200: Welcome})
async def welcome() -> Response:
    """Say hello."""
    return json_response({"welcome": "gaffer", "version": _version()})


@routes.get("/ping")
@open_to_all
@describes(answers={200: {"text/plain": Literal["OK"]}})
async def ping() -> Response:
    """Say OK."""
    return text_response("OK")


@routes.get("/version")
@open_to_all
@describes(answers={200: Version})
async def show_version() -> Response:
    """Tell the version of gaffer and of this API."""
    return json_response({"name": "gaffer", "version": _version(), "api": API})


@cache
def _version() -> str:
    return version("gaffer-kernel")
