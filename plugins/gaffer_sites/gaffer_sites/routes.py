"""The paths under gaffer-http: the list of sites, and their files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from gaffer_kernel import Kernel

from gaffer_sites.file_response import make_file_response, make_redirect
from gaffer_sites.service import Sites

if TYPE_CHECKING:
    from quart import Blueprint, Response

INDEX = "index.html"

_PART = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f]+")
"""A part of a path: not empty, not hidden, without separators and control characters."""


def make_routes(kernel: Kernel) -> Blueprint:
    """Make the paths for the sites of plugins. Needs quart, which gaffer-http depends on."""
    from gaffer_http.plugin_api import json_response, open_to_all, without_page_key
    from quart import Blueprint

    routes = Blueprint("sites", __name__)

    @routes.get("/_plugin/")
    @open_to_all
    async def list_sites() -> Response:
        """List the sites."""
        sites = [
            {"name": site.name, "path": f"/_plugin/{site.name}/"}
            for site in await _get_service(kernel).list_in_thread()
        ]
        return json_response({"sites": sites})

    @routes.get("/_plugin")
    @open_to_all
    async def list_without_slash() -> Response:
        """Redirect to the list."""
        return make_redirect("/_plugin/")

    @routes.get("/_plugin/<site>")
    @routes.get("/_plugin/<site>/")
    @routes.get("/_plugin/<site>/<path:path>")
    @without_page_key
    async def show_file(site: str, path: str = "") -> Response:
        """Show a file of a site; for a folder, its `index.html`."""
        return await _show(_get_service(kernel), site, path)

    return routes


def _get_service(kernel: Kernel) -> Sites:
    from werkzeug.exceptions import NotFound

    if "sites" not in kernel.services:
        raise NotFound
    return cast(Sites, kernel.services["sites"])


async def _show(sites: Sites, site: str, path: str) -> Response:
    from gaffer_http.plugin_api import request_lifetime
    from quart import request
    from werkzeug.exceptions import NotFound

    slash = request.path.endswith("/")
    names = f"{path}{INDEX}".split("/") if slash else path.split("/") if path else []
    if not all(_PART.fullmatch(name) for name in names):
        raise NotFound
    found = await sites.find(site, names)
    if found is None:
        raise NotFound
    request_lifetime().callback(found.opened.close)
    if not found.opened.is_folder:
        return make_file_response(request, found)
    if slash:
        raise NotFound
    query = request.query_string.decode("ascii", "replace")
    return make_redirect(quote(f"{request.path}/") + (f"?{query}" if query else ""))
