"""`/shutdown`: stop gafferd."""

from __future__ import annotations

import logging

from quart import Blueprint, Response

from gaffer_http.auth.authorization import current_caller
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Done
from gaffer_http.views.current import current_kernel
from gaffer_http.views.responses import json_response

log = logging.getLogger(__name__)

routes = Blueprint("shutdown", __name__)


@routes.post("/shutdown")
@describes(answers={202: Done})
async def shut_down() -> Response:
    """Stop all processes, then gafferd itself."""
    log.warning("shutdown requested by %s", current_caller().name)
    # The API closes first, and lets this request finish.
    current_kernel().stop()
    return json_response({"ok": True}, 202)
