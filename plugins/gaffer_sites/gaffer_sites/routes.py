"""The paths that gaffer-http shows: the list of sites, and their files."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

import msgspec
from gaffer_kernel import Kernel

from gaffer_sites.file_response import answer, redirect
from gaffer_sites.service import Sites

if TYPE_CHECKING:
    from quart import Blueprint, Response

JSON = "application/json; charset=utf-8"

INDEX = "index.html"

_PART = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f]+")
"""A name in a path: not empty, not hidden, with nothing that any program could take for more."""

View = TypeVar("View", bound=Callable[..., Any])


def make_routes(kernel: Kernel) -> Blueprint:
    """The paths of the sites of a kernel's plugins. Needs quart, which gaffer-http brings."""
    from quart import Blueprint, Response

    routes = Blueprint("sites", __name__)

    @routes.get("/_plugin/")
    @_open_to_all
    async def list_sites() -> Response:
        """The sites that there are."""
        sites = [
            {"name": site.name, "path": f"/_plugin/{site.name}/"}
            for site in await _service(kernel).listed()
        ]
        return Response(msgspec.json.encode({"sites": sites}), content_type=JSON)

    @routes.get("/_plugin")
    @_open_to_all
    async def list_without_slash() -> Response:
        """Lead to the list."""
        return redirect("/_plugin/")

    @routes.get("/_plugin/<site>")
    @routes.get("/_plugin/<site>/")
    @routes.get("/_plugin/<site>/<path:path>")
    @_without_page_key
    async def show_file(site: str, path: str = "") -> Response:
        """A file of a site; for a folder, its index."""
        return await _show(_service(kernel), site, path)

    return routes


def _open_to_all(view: View) -> View:
    """Mark a route for gaffer-http: whoever may call at all may ask. Pages tell of no session."""
    view.gaffer_every_caller = True  # type: ignore[attr-defined]
    return view


def _without_page_key(view: View) -> View:
    """Mark a route for gaffer-http: also for browsers that are not signed in."""
    view.gaffer_without_page_key = True  # type: ignore[attr-defined]
    return _open_to_all(view)


def _service(kernel: Kernel) -> Sites:
    from werkzeug.exceptions import NotFound

    if "sites" not in kernel.services:
        raise NotFound
    return cast(Sites, kernel.services["sites"])


async def _show(sites: Sites, site: str, path: str) -> Response:
    from quart import request
    from werkzeug.exceptions import NotFound

    slash = request.path.endswith("/")
    names = f"{path}{INDEX}".split("/") if slash else path.split("/") if path else []
    if not all(_PART.fullmatch(name) for name in names):
        raise NotFound
    found = await sites.find(site, names)
    if found is None:
        raise NotFound
    lifetime: AsyncExitStack = request.scope["gaffer.lifetime"]  # type: ignore[typeddict-item]
    lifetime.callback(found.opened.close)
    if not found.opened.is_folder:
        return answer(request, found)
    if slash:
        raise NotFound
    query = request.query_string.decode("ascii", "replace")
    return redirect(quote(f"{request.path}/") + (f"?{query}" if query else ""))
