"""`/groups`: sessions, by the paths of older gaffers."""

from __future__ import annotations

from quart import Blueprint, Response

from gaffer_http.auth.marks import checks_permissions
from gaffer_http.openapi.describe import describes
from gaffer_http.routes.legacy.names import legacy_name
from gaffer_http.routes.sessions import VERBS, control_session, readable_sessions, unload_session
from gaffer_http.views.current import current_kernel
from gaffer_http.views.responses import json_response

routes = Blueprint("groups", __name__)


@routes.get("/groups")
@checks_permissions
@describes(answers={200: list[str]})
async def list_groups() -> Response:
    """List the sessions that have jobs, sorted."""
    return json_response(sorted(readable_sessions()))


@routes.get("/groups/<session>")
@describes(answers={200: list[str]})
async def show_group(session: str) -> Response:
    """List the names of a session's jobs."""
    return json_response([legacy_name(job.name) for job in current_kernel().manager.jobs(session)])


routes.delete("/groups/<session>")(unload_session)
routes.post(f"/groups/<session>/_<any({', '.join(VERBS)}):verb>")(control_session)
