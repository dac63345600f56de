"""`/page-key`: sign a browser in with a page key, and sign all browsers out."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from gaffer_kernel import GafferError, InvalidField, StorageError
from msgspec import Meta, Struct
from quart import Blueprint, Response, request

from gaffer_http.auth.authorization import current_caller
from gaffer_http.auth.caller import Owner
from gaffer_http.auth.marks import open_to_all, without_page_key
from gaffer_http.auth.page_cookie import LIFETIME
from gaffer_http.auth.pages import KEY_TIMEOUT, Pages, SignedInPage, UnknownPage
from gaffer_http.auth.policy import normal_origin
from gaffer_http.errors import ApiError, error_from_kernel
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Done
from gaffer_http.views.body import read_object
from gaffer_http.views.current import current_context
from gaffer_http.views.responses import json_response

if TYPE_CHECKING:
    from collections.abc import Sequence

routes = Blueprint("page_key", __name__)

_PAGE = "sign-in.html"
_SCRIPT = "page-key.js"


class Exchange(Struct, kw_only=True):
    """A page key, to be exchanged."""

    key: Annotated[str, Meta(description="From the fragment of the URL: `#key=...`.")]


class NewPageKey(Struct, kw_only=True):
    """The page that gets the key."""

    origin: Annotated[str, Meta(description="Of that page, `http://127.0.0.1:5000`.")] = ""


class PageKey(Done, kw_only=True):
    """A page key, valid once."""

    key: str
    origin: Annotated[str, Meta(description="Only a page of this origin can exchange it.")]
    expires_in: Annotated[int, Meta(description="Seconds.")]


class SignedIn(Done, kw_only=True):
    """The browser is signed in."""

    expires_in: Annotated[int, Meta(description="Seconds.")]


@routes.get("/page-key")
@without_page_key
@describes(answers={200: {"text/html": str}})
async def show_page() -> Response:
    """Sign in the browser that opens this page with a page key, or explain how to get one."""
    return sign_in_page(200)


@routes.get("/page-key.js")
@without_page_key
@describes(answers={200: {"text/javascript": str}})
async def show_script() -> Response:
    """Return the script with which a page exchanges its page key."""
    return Response(static(_SCRIPT), content_type="text/javascript; charset=utf-8")


@routes.post("/page-key")
@without_page_key
@describes(body=Exchange, answers={200: SignedIn}, errors=(409, 507))
async def exchange_key() -> Response:
    """Exchange a page key for the cookie `gaffer_page`; for pages of this API's own origin."""
    who = current_caller()
    if not isinstance(who, Owner | SignedInPage | UnknownPage) or who.peer.uid is None:
        raise ApiError(403, "forbidden", f"{who.name} is not in the owner's browser")
    key = (await read_object(("key",))).get("key")
    if not isinstance(key, str):
        raise InvalidField("key", "must be a page key, a string")
    scheme, host = request.scope["scheme"], request.headers["Host"]
    own = normal_origin(f"{scheme}://{host}")
    if own is None or normal_origin(request.headers.get("Origin", "")) != own:
        raise ApiError(403, "forbidden_origin", "only a page of this API's origin gets the cookie")
    try:
        cookie = pages().exchange(key, who.peer.uid, own, secure=scheme == "https")
    except GafferError as error:
        raise _unusable(error) from None
    response = json_response({"ok": True, "expires_in": LIFETIME})
    response.headers["Set-Cookie"] = cookie
    return response


@routes.post("/page-key/new")
@open_to_all
@describes(body=NewPageKey, optional=True, answers={200: PageKey}, errors=(409, 507))
async def make_key() -> Response:
    """Make a page key. Only for programs of the owner, without a token."""
    peer = _owner().peer
    assert peer.uid is not None
    wanted = (await read_object(("origin",), optional=True)).get("origin", "")
    origin = _choose_origin(wanted, pages().addresses)
    try:
        key = pages().new_key(peer.uid, origin)
    except GafferError as error:
        raise _unusable(error) from None
    return json_response({"ok": True, "key": key, "origin": origin, "expires_in": int(KEY_TIMEOUT)})


@routes.delete("/page-key")
@open_to_all
@describes(answers={200: Done}, errors=(409, 507))
async def revoke_keys() -> Response:
    """Sign all browsers out. Only for programs of the owner, without a token."""
    _owner()
    try:
        pages().revoke()
    except GafferError as error:
        raise _unusable(error) from None
    return json_response({"ok": True})


def pages() -> Pages:
    """Return the object that signs browsers in and out, of the API of the current request."""
    found = current_context().pages
    assert found is not None
    return found


def sign_in_page(status: Literal[200, 401]) -> Response:
    """Return the page that exchanges a page key, or explains how to get one."""
    return Response(static(_PAGE), status, content_type="text/html; charset=utf-8")


def load_pages() -> None:
    """Read the files of the page into memory."""
    for name in (_PAGE, _SCRIPT):
        static(name)


@cache
def static(name: str) -> bytes:
    """Return a file of gaffer-http."""
    return (files("gaffer_http") / "static" / name).read_bytes()


def _owner() -> Owner:
    who = current_caller()
    if not isinstance(who, Owner):
        reason = "page keys are for programs of the owner, on this machine and without a token"
        raise ApiError(403, "forbidden", f"{who.name}: {reason}")
    return who


def _choose_origin(wanted: object, addresses: Sequence[str]) -> str:
    """Return the origin of the page to open.

    It is never http://localhost, which can lead to another program.

    Args:
        wanted: where a program reaches the API; empty if it uses a unix socket.
        addresses: where the API listens.
    """
    listening = [each for each in map(normal_origin, addresses) if each is not None]
    if wanted == "":
        if not listening:
            reason = "this API listens on no address that a browser can open: bind 127.0.0.1:PORT"
            raise ApiError(409, "conflict", reason)
        return min(listening, key=lambda each: "//127.0.0.1" not in each)
    origin = normal_origin(wanted) if isinstance(wanted, str) else None
    if origin is None:
        raise InvalidField("origin", f"must be like http://127.0.0.1:5000, not {wanted!r}")
    url = urlsplit(origin)
    if url.scheme == "http" and url.hostname == "localhost":
        port = "" if url.port is None else f":{url.port}"
        twins = [f"http://127.0.0.1{port}", f"http://[::1]{port}"]
        return next((each for each in twins if each in listening), twins[0])
    return origin


def _unusable(error: GafferError) -> ApiError:
    if isinstance(error, StorageError):
        return error_from_kernel(error)
    return ApiError(409, "conflict", str(error))
