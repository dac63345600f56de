"""The paths under gaffer-http, for callers who may manage every session.

An event can belong to any session, and a URL can contain a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gaffer_kernel import InvalidField, Kernel, NotFound

from gaffer_webhooks import schemas
from gaffer_webhooks.service import Webhooks

if TYPE_CHECKING:
    from quart import Blueprint, Response


def _view(
    answers: dict[int, Any], *, stores: bool = False, **description: Any
) -> Callable[[Any], Any]:
    """Mark a view with the permission it needs, and describe it for `/openapi.json`.

    Args:
        answers: the types of its answers, by status.
        stores: whether it writes the file of the hooks.
        description: what else `describes` takes.
    """
    from gaffer_http.plugin_api import describes, needs

    # 404 also where the path has no parameter: the plugin may be closed.
    errors = (404, 507) if stores else (404,)
    describe = describes(answers=answers, errors=errors, **description)

    def mark(view: Any) -> Any:
        # Otherwise callers who may read every session could use the GET views.
        return needs("manage")(describe(view))

    return mark


def make_routes(kernel: Kernel) -> Blueprint:
    """Make the paths for the hooks of a kernel. Needs quart, which gaffer-http depends on."""
    from gaffer_http.plugin_api import get_http_service, json_response
    from quart import Blueprint

    routes = Blueprint("webhooks", __name__)

    @routes.get("/webhooks")
    @_view({200: schemas.Hooks})
    async def list_hooks() -> Response:
        """List all hooks."""
        return json_response(schemas.Hooks(_get_webhooks(kernel).list()))

    @routes.post("/webhooks")
    @_view({201: schemas.Registered}, body=schemas.NewHook, stores=True)
    async def register_hook() -> Response:
        """Register a hook, whose URL must not lead to this machine or a private network."""
        body = await get_http_service(kernel).body(["pattern", "url", "secret"])
        for field in ("pattern", "url"):
            if field not in body:
                raise InvalidField(field, "is missing")
        hook = await _get_webhooks(kernel).register(
            body["pattern"], body["url"], body.get("secret"), trusted=False
        )
        return json_response(schemas.Registered(hook.id), 201, location=f"/webhooks/{hook.id}")

    @routes.get("/webhooks/<hook>")
    @_view({200: schemas.HookInfo})
    async def show_hook(hook: str) -> Response:
        """Show a hook."""
        return json_response(_get_webhooks(kernel).get(hook))

    @routes.delete("/webhooks/<hook>")
    @_view({200: schemas.Done}, stores=True)
    async def unregister_hook(hook: str) -> Response:
        """Remove a hook."""
        await _get_webhooks(kernel).unregister(hook)
        return json_response(schemas.Done())

    @routes.get("/webhooks/<hook>/dead")
    @_view({200: schemas.DeadLetters})
    async def list_dead(hook: str) -> Response:
        """List the dead letters of a hook."""
        return json_response(schemas.DeadLetters(_get_webhooks(kernel).dead(hook)))

    @routes.delete("/webhooks/<hook>/dead")
    @_view({200: schemas.Forgotten}, body=schemas.MessageIds, optional=True)
    async def forget_dead(hook: str) -> Response:
        """Remove dead letters of a hook."""
        ids = _get_ids(await get_http_service(kernel).body(["ids"], optional=True))
        return json_response(schemas.Forgotten(_get_webhooks(kernel).forget(hook, ids)))

    @routes.post("/webhooks/<hook>/replay")
    @_view({200: schemas.Replayed}, body=schemas.MessageIds, optional=True)
    async def replay_dead(hook: str) -> Response:
        """Queue dead letters of a hook again."""
        ids = _get_ids(await get_http_service(kernel).body(["ids"], optional=True))
        return json_response(schemas.Replayed(_get_webhooks(kernel).replay(hook, ids)))

    return routes


def _get_ids(body: dict[str, Any]) -> list[str] | None:
    ids = body.get("ids")
    if "ids" not in body:
        return None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise InvalidField("ids", "must be a list of ids")
    return ids


def _get_webhooks(kernel: Kernel) -> Webhooks:
    if "webhooks" not in kernel.services:
        raise NotFound("service", "webhooks")
    return cast(Webhooks, kernel.services["webhooks"])
