"""`/groups`: sessions, by the paths of older gaffers."""

from __future__ import annotations

from quart import Blueprint, Response

from gaffer_http.auth.authorization import checks_itself
from gaffer_http.openapi.describe import describes
from gaffer_http.routes.legacy.oldnames import old_name
from gaffer_http.routes.sessions import VERBS, control_session, readable_sessions, unload_session
from gaffer_http.views.reply import kernel, reply

routes = Blueprint("groups", __name__)


@routes.get("/groups")
@checks_itself
@describes(answers={200: list[str]})
async def list_groups() -> Response:
    """The sessions that have jobs, sorted."""
    return reply(sorted(readable_sessions()))


@routes.get("/groups/<session>")
@describes(answers={200: list[str]})
async def show_group(session: str) -> Response:
    """The names of a session's jobs."""
    return reply([old_name(job.name) for job in kernel().manager.jobs(session)])


routes.delete("/groups/<session>")(unload_session)
routes.post(f"/groups/<session>/_<any({', '.join(VERBS)}):verb>")(control_session)
