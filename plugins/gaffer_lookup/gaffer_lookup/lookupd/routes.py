"""The HTTP routes, for callers that may read in every session."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gaffer_http.plugin_api import json_response, open_to_all
from gaffer_kernel import InvalidField, JobName, NotFound
from gaffer_kernel.plugin import check_session
from importlib_metadata import version
from quart import Blueprint, Response, request

from gaffer_lookup.lookupd.json_stream import stream_json
from gaffer_lookup.registry import serializers

if TYPE_CHECKING:
    from gaffer_lookup.lookupd.plugin import Lookupd


def make_routes(lookupd: Lookupd) -> Blueprint:
    """Make the routes of gaffer_lookupd, without its websockets."""
    routes = Blueprint("lookupd", __name__)
    store = lookupd.known

    @routes.get("/")
    @open_to_all
    async def welcome() -> Response:
        """Show the name and version of the server."""
        return json_response({"welcome": "gaffer-lookupd", "version": _version()})

    @routes.get("/ping")
    @open_to_all
    async def ping() -> Response:
        """Respond with OK."""
        return Response("OK", content_type="text/plain; charset=utf-8")

    @routes.get("/version")
    @open_to_all
    async def show_version() -> Response:
        """Show the version."""
        return json_response({"version": _version()})

    @routes.get("/nodes")
    async def nodes() -> Response:
        """List all nodes."""
        _check_parameters()
        return await stream_json(serializers.nodes(store))

    @routes.get("/sessions")
    async def sessions() -> Response:
        """List all sessions with their jobs."""
        _check_parameters()
        return await stream_json(serializers.sessions(store))

    @routes.get("/sessions/<node>")
    async def node_sessions(node: str) -> Response:
        """List the sessions of the nodes with a name."""
        _check_parameters()
        found = serializers.node_sessions(store, node)
        if found is None:
            raise NotFound("node", node)
        return await stream_json(found)

    @routes.get("/jobs")
    async def jobs() -> Response:
        """List all jobs."""
        _check_parameters()
        return await stream_json(serializers.jobs(store))

    @routes.get("/findJob")
    async def find_job() -> Response:
        """Show which nodes have a job."""
        job = JobName.parse(_get_parameter("name"))
        return await stream_json(serializers.find_job(store, job))

    @routes.get("/findSession")
    async def find_session() -> Response:
        """List the jobs of a session."""
        session = check_session(_get_parameter("sessionid"), field="sessionid")
        return await stream_json(serializers.find_session(store, session))

    return routes


def _get_parameter(name: str) -> str:
    """Return the only parameter of the current request.

    Raises:
        InvalidField: it is missing, or there is another one.
    """
    _check_parameters(name)
    values = request.args.getlist(name)
    if len(values) != 1:
        raise InvalidField(name, "is missing" if not values else "is given more than once")
    return values[0]


def _check_parameters(*known: str) -> None:
    """Raise an InvalidField if the current request has an unknown parameter."""
    for name in request.args:
        if name not in known:
            hint = f": give {known[0]}" if known else ""
            raise InvalidField(name, f"is not a parameter here{hint}")


@cache
def _version() -> str:
    return version("gaffer-lookup")
