"""The route `/uptime`."""

from __future__ import annotations

from typing import Any

from quart import Blueprint

from gaffer_kernel import Kernel


def make_routes(kernel: Kernel) -> Blueprint:
    """Return the blueprint with `/uptime`."""
    routes = Blueprint("uptime", __name__)

    @routes.get("/uptime")
    async def uptime() -> dict[str, Any]:
        return {"uptime": kernel.services["uptime"].longest()}

    return routes
