"""`/sessions`: groups of jobs, and what can be done to all of a group."""

from __future__ import annotations

from gaffer_kernel import Job
from quart import Blueprint, Response

from gaffer_http.auth.authorization import caller, checks_itself
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.answers import Done, SessionJobs, Sessions
from gaffer_http.views.reply import kernel, reply
from gaffer_http.views.waiting import Wait, settle, wanted_wait

VERBS = {"start": Job.start, "stop": Job.stop, "restart": Job.restart}

routes = Blueprint("sessions", __name__)


@routes.get("/sessions")
@checks_itself
@describes(answers={200: Sessions})
async def list_sessions() -> Response:
    """The sessions that have jobs."""
    return reply({"sessions": readable_sessions()})


def readable_sessions() -> list[str]:
    """The sessions that have jobs and that the caller may read."""
    who = caller()
    return [session for session in kernel().manager.sessions() if who.may("read", session)]


@routes.get("/sessions/<session>")
@routes.get("/jobs/<session>")
@describes(answers={200: SessionJobs})
async def show_session(session: str) -> Response:
    """The jobs of a session."""
    jobs = kernel().manager.jobs(session)
    return reply({"sessionid": session, "jobs": [str(job.name) for job in jobs]})


@routes.delete("/sessions/<session>")
@describes(query=Wait, answers={200: Done})
async def unload_session(session: str) -> Response:
    """Unload every job of a session."""
    wait = wanted_wait()
    manager = kernel().manager
    jobs = [manager.unload(job.name) for job in manager.jobs(session)]
    return reply({"ok": True, **await settle(wait, *(job.gone.wait for job in jobs))})


@routes.post(f"/sessions/<session>/<any({', '.join(VERBS)}):verb>")
@describes(query=Wait, answers={200: Done})
async def control_session(session: str, verb: str) -> Response:
    """Start, stop or restart every job of a session."""
    wait = wanted_wait()
    jobs = kernel().manager.jobs(session)
    for job in jobs:
        VERBS[verb](job)
    return reply({"ok": True, **await settle(wait, *(job.settled for job in jobs))})
