"""The paths that gaffer-http shows, for callers who may manage every session: an event may be of
any, and a URL may hold a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gaffer_kernel import InvalidField, Kernel, NotFound

from gaffer_webhooks import schemas as shapes
from gaffer_webhooks.info import HookInfo
from gaffer_webhooks.service import Webhooks

if TYPE_CHECKING:
    from quart import Blueprint, Response


def _view(answers: dict[int, Any], **description: Any) -> Callable[[Any], Any]:
    """Mark a view with the permission it needs, and describe it for `/openapi.json`."""
    from gaffer_http.plugin_api import describes, needs

    # 404 also where the path has no parameter: while the plugin is closed.
    describe = describes(answers=answers, errors=(404,), **description)

    def mark(view: Any) -> Any:
        # Otherwise callers who may read every session could use the GET views.
        return needs("manage")(describe(view))

    return mark


def make_routes(kernel: Kernel) -> Blueprint:
    """The paths about the hooks of a kernel. Needs quart, which gaffer-http brings."""
    from gaffer_http.plugin_api import get_http_service, json_response
    from quart import Blueprint

    routes = Blueprint("webhooks", __name__)

    @routes.get("/webhooks")
    @_view({200: shapes.Hooks})
    async def list_hooks() -> Response:
        """All hooks."""
        return json_response(shapes.Hooks(_webhooks(kernel).list()))

    @routes.post("/webhooks")
    @_view({201: shapes.Registered}, body=shapes.NewHook)
    async def register_hook() -> Response:
        """Have events posted to a URL, which may not be of this machine or its networks."""
        body = await get_http_service(kernel).body(["pattern", "url", "secret"])
        for field in ("pattern", "url"):
            if field not in body:
                raise InvalidField(field, "is missing")
        hook = await _webhooks(kernel).register(
            body["pattern"], body["url"], body.get("secret"), trusted=False
        )
        return json_response(shapes.Registered(hook.id), 201, location=f"/webhooks/{hook.id}")

    @routes.get("/webhooks/<hook>")
    @_view({200: HookInfo})
    async def show_hook(hook: str) -> Response:
        """One hook."""
        return json_response(_webhooks(kernel).get(hook))

    @routes.delete("/webhooks/<hook>")
    @_view({200: shapes.Done})
    async def unregister_hook(hook: str) -> Response:
        """Have no more events posted."""
        await _webhooks(kernel).unregister(hook)
        return json_response(shapes.Done())

    @routes.get("/webhooks/<hook>/dead")
    @_view({200: shapes.Dead})
    async def list_dead(hook: str) -> Response:
        """The messages that were given up."""
        return json_response(shapes.Dead(_webhooks(kernel).dead(hook)))

    @routes.delete("/webhooks/<hook>/dead")
    @_view({200: shapes.Forgotten}, body=shapes.Some, optional=True)
    async def forget_dead(hook: str) -> Response:
        """Remove messages that were given up."""
        ids = _ids(await get_http_service(kernel).body(["ids"], optional=True))
        return json_response(shapes.Forgotten(_webhooks(kernel).forget(hook, ids)))

    @routes.post("/webhooks/<hook>/replay")
    @_view({200: shapes.Replayed}, body=shapes.Some, optional=True)
    async def replay_dead(hook: str) -> Response:
        """Send messages that were given up once more."""
        ids = _ids(await get_http_service(kernel).body(["ids"], optional=True))
        return json_response(shapes.Replayed(_webhooks(kernel).replay(hook, ids)))

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
