"""`/status`: whether jobs run as configured; for one job also by the path of older gaffers."""

from __future__ import annotations

from typing import Any

from gaffer_kernel import Job
from quart import Blueprint, Response

from gaffer_http.auth.authorization import readable_jobs
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.openapi.describe import describes
from gaffer_http.routes.legacy.names import get_job
from gaffer_http.schemas.requests import OldName
from gaffer_http.schemas.responses import AllStatus, JobStatus
from gaffer_http.views.responses import json_response

routes = Blueprint("status", __name__)


@routes.get("/status")
@checks_permissions
@describes(answers={200: AllStatus})
async def list_status() -> Response:
    """Show for each job whether it runs as configured."""
    return json_response({"jobs": [_named(job) for job in readable_jobs()]})


def _named(job: Job) -> dict[str, Any]:
    name = {"name": str(job.name), "session": job.name.session, "job": job.name.name}
    return {**name, "pids": job.pids(), **job.status()}


@routes.get("/status/<name>")
@describes(path={"name": OldName}, answers={200: JobStatus})
async def show_status(name: str) -> Response:
    """Show whether a job runs as configured, and if not, why."""
    return json_response(get_job(name).status())
