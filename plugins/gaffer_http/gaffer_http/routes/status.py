"""`/status`: whether a job does what is wanted of it, by the path of older gaffers."""

from __future__ import annotations

from quart import Blueprint, Response

from gaffer_http.openapi.describe import describes
from gaffer_http.routes.infos import JobStatus
from gaffer_http.routes.oldnames import job_of
from gaffer_http.routes.reply import reply
from gaffer_http.routes.requests import OldName

routes = Blueprint("status", __name__)


@routes.get("/status/<name>")
@describes(path={"name": OldName}, answers={200: JobStatus})
async def show_status(name: str) -> Response:
    """Whether a job does what is wanted of it, and if not, why."""
    return reply(job_of(name).status())
