"""The paths that gaffer-http shows, for callers who may manage every session: an event may be of
any, and a URL may hold a secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from gaffer_kernel import InvalidField, Kernel, NotFound

from gaffer_webhooks.service import Webhooks

if TYPE_CHECKING:
    from gaffer_http.service import HttpService
    from quart import Blueprint, Response

JSON = "application/json; charset=utf-8"

_encode = msgspec.json.Encoder().encode

View = TypeVar("View", bound=Callable[..., Awaitable["Response"]])


def _for_managers(view: View) -> View:
    # Else whoever may read everywhere could see it.
    vars(view)["gaffer_needs"] = "manage"
    return view


def make_routes(kernel: Kernel) -> Blueprint:
    """The paths about the hooks of a kernel. Needs quart, which gaffer-http brings."""
    from quart import Blueprint

    routes = Blueprint("webhooks", __name__)

    @routes.get("/webhooks")
    @_for_managers
    async def list_hooks() -> Response:
        """All hooks."""
        return _reply({"webhooks": _webhooks(kernel).list()})

    @routes.post("/webhooks")
    @_for_managers
    async def register_hook() -> Response:
        """Have events posted to a URL, which may not be of this machine or its networks."""
        body = await _http(kernel).body(["pattern", "url", "secret"])
        for field in ("pattern", "url"):
            if field not in body:
                raise InvalidField(field, "is missing")
        hook = await _webhooks(kernel).register(
            body["pattern"], body["url"], body.get("secret"), trusted=False
        )
        return _reply({"ok": True, "id": hook.id}, 201, {"location": f"/webhooks/{hook.id}"})

    @routes.get("/webhooks/<hook>")
    @_for_managers
    async def show_hook(hook: str) -> Response:
        """One hook."""
        return _reply(_webhooks(kernel).get(hook))

    @routes.delete("/webhooks/<hook>")
    @_for_managers
    async def unregister_hook(hook: str) -> Response:
        """Have no more events posted."""
        await _webhooks(kernel).unregister(hook)
        return _reply({"ok": True})

    @routes.get("/webhooks/<hook>/dead")
    @_for_managers
    async def list_dead(hook: str) -> Response:
        """The messages that were given up."""
        return _reply({"dead": _webhooks(kernel).dead(hook)})

    @routes.delete("/webhooks/<hook>/dead")
    @_for_managers
    async def forget_dead(hook: str) -> Response:
        """Remove messages that were given up."""
        ids = _ids(await _http(kernel).body(["ids"], optional=True))
        return _reply({"ok": True, "forgotten": _webhooks(kernel).forget(hook, ids)})

    @routes.post("/webhooks/<hook>/replay")
    @_for_managers
    async def replay_dead(hook: str) -> Response:
        """Send messages that were given up once more."""
        ids = _ids(await _http(kernel).body(["ids"], optional=True))
        return _reply({"ok": True, "replayed": _webhooks(kernel).replay(hook, ids)})

    return routes


def _ids(body: dict[str, Any]) -> list[str] | None:
    ids = body.get("ids")
    if "ids" not in body:
        return None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise InvalidField("ids", "must be a list of ids")
    return ids


def _webhooks(kernel: Kernel) -> Webhooks:
    if "webhooks" not in kernel.services:
        raise NotFound("service", "webhooks")
    return cast(Webhooks, kernel.services["webhooks"])


def _http(kernel: Kernel) -> HttpService:
    return cast("HttpService", kernel.services["http"])


def _reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    from quart import Response

    return Response(_encode(value), status, headers, content_type=JSON)
