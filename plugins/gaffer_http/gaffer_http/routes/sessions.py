"""`/sessions`: the sessions, and commands for all jobs of one."""

from __future__ import annotations

from gaffer_kernel import Job
from quart import Blueprint, Response

from gaffer_http.auth.authorization import current_caller
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Done, SessionJobs, Sessions
from gaffer_http.views.current import current_kernel
from gaffer_http.views.responses import json_response
from gaffer_http.views.wait import Wait, wait_jobs, wait_parameter, wait_settled

VERBS = {"start": Job.start, "stop": Job.stop, "restart": Job.restart}

routes = Blueprint("sessions", __name__)


@routes.get("/sessions")
@checks_permissions
@describes(answers={200: Sessions})
async def list_sessions() -> Response:
    """List the sessions that have jobs."""
    return json_response({"sessions": readable_sessions()})


def readable_sessions() -> list[str]:
    """Return the sessions that have jobs and that the caller may read."""
    who = current_caller()
    return [session for session in current_kernel().manager.sessions() if who.may("read", session)]


@routes.get("/sessions/<session>")
@routes.get("/jobs/<session>")
@describes(answers={200: SessionJobs})
async def show_session(session: str) -> Response:
    """List the jobs of a session."""
    jobs = current_kernel().manager.jobs(session)
    return json_response({"sessionid": session, "jobs": [str(job.name) for job in jobs]})


@routes.delete("/sessions/<session>")
@describes(query=Wait, answers={200: Done})
async def unload_session(session: str) -> Response:
    """Stop every job of a session and remove it."""
    wait = wait_parameter()
    manager = current_kernel().manager
    jobs = [manager.unload(job.name) for job in manager.jobs(session)]
    return json_response({"ok": True, **await wait_settled(wait, *(job.gone.wait for job in jobs))})


@routes.post(f"/sessions/<session>/<any({', '.join(VERBS)}):verb>")
@describes(query=Wait, answers={200: Done})
async def control_session(session: str, verb: str) -> Response:
    """Start, stop or restart every job of a session."""
    wait = wait_parameter()
    jobs = current_kernel().manager.jobs(session)
    for job in jobs:
        VERBS[verb](job)
    if verb == "restart":
        return json_response({"ok": True, **await wait_jobs(wait, *jobs)})
    return json_response({"ok": True, **await wait_settled(wait, *(job.settled for job in jobs))})
