"""/uptime"""

from __future__ import annotations

from typing import Any

from quart import Blueprint

from gaffer_kernel import Kernel


def make_routes(kernel: Kernel) -> Blueprint:
    """The path, as gaffer-http wants it."""
    routes = Blueprint("uptime", __name__)

    @routes.get("/uptime")
    async def uptime() -> dict[str, Any]:
        return {"uptime": kernel.services["uptime"].longest()}

    return routes
