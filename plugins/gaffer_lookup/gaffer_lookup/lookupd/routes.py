"""What can be asked, by whoever may read in every session."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gaffer_http.plugin_api import json_response, open_to_all
from gaffer_kernel import InvalidField, JobName, NotFound
from gaffer_kernel.plugin import check_session
from importlib_metadata import version
from quart import Blueprint, Response, request

from gaffer_lookup.lookupd.json_stream import tell
from gaffer_lookup.registry import serializers as views

if TYPE_CHECKING:
    from gaffer_lookup.lookupd.plugin import Lookupd


def make_routes(lookupd: Lookupd) -> Blueprint:
    """The paths of gaffer_lookupd, but for its websockets."""
    routes = Blueprint("lookupd", __name__)
    store = lookupd.known

    @routes.get("/")
    @open_to_all
    async def welcome() -> Response:
        """Say hello."""
        return json_response({"welcome": "gaffer-lookupd", "version": _version()})

    @routes.get("/ping")
    @open_to_all
    async def ping() -> Response:
        """Say OK."""
        return Response("OK", content_type="text/plain; charset=utf-8")

    @routes.get("/version")
    @open_to_all
    async def show_version() -> Response:
        """Tell the version."""
        return json_response({"version": _version()})

    @routes.get("/nodes")
    async def nodes() -> Response:
        """All nodes."""
        _check_parameters()
        return await tell(views.nodes(store))

    @routes.get("/sessions")
    async def sessions() -> Response:
        """All sessions with their jobs."""
        _check_parameters()
        return await tell(views.sessions(store))

    @routes.get("/sessions/<node>")
    async def sessions_of(node: str) -> Response:
        """The sessions of one node."""
        _check_parameters()
        found = views.sessions_of(store, node)
        if found is None:
            raise NotFound("node", node)
        return await tell(found)

    @routes.get("/jobs")
    async def jobs() -> Response:
        """All jobs."""
        _check_parameters()
        return await tell(views.every_job(store))

    @routes.get("/findJob")
    async def find_job() -> Response:
        """Who has a job."""
        return await tell(views.find_job(store, JobName.parse(_parameter("name"))))

    @routes.get("/findSession")
    async def find_session() -> Response:
        """The jobs of a session."""
        session = check_session(_parameter("sessionid"), field="sessionid")
        return await tell(views.find_session(store, session))

    return routes


def _parameter(name: str) -> str:
    """The only parameter of the current request.

    Raises:
        InvalidField: it is missing, or there is another one.
    """
    _check_parameters(name)
    values = request.args.getlist(name)
    if len(values) != 1:
        raise InvalidField(name, "is missing" if not values else "is given more than once")
    return values[0]


def _check_parameters(*known: str) -> None:
    """Refuse a parameter that nobody would read."""
    for name in request.args:
        if name not in known:
            hint = f": give {known[0]}" if known else ""
            raise InvalidField(name, f"is no parameter here{hint}")


@cache
def _version() -> str:
    return version("gaffer-lookup")
