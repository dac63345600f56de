"""`/jobs`: load, show, change and unload jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from gaffer_kernel import InvalidField, Job, JobName
from quart import Blueprint, Response

from gaffer_http.auth.authorization import readable_jobs
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.errors import not_running_error
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.requests import (
    BareState,
    Commit,
    Replacement,
    Restart,
    Scale,
    SignalRequest,
    State,
    Template,
)
from gaffer_http.schemas.responses import (
    Committed,
    Done,
    JobInfo,
    JobPids,
    Jobs,
    JobStatus,
    Loaded,
    Scaled,
    Wanted,
)
from gaffer_http.views.body import read_bytes, read_field, read_object
from gaffer_http.views.current import current_kernel
from gaffer_http.views.job_config import check_not_masked, mask_for_caller, read_config
from gaffer_http.views.responses import json_response, text_response
from gaffer_http.views.wait import Wait, wait_jobs, wait_parameter, wait_settled

STATES: dict[str, Callable[[Job], None]] = {
    "0": Job.stop,
    "1": Job.start,
    "2": Job.reload,
    "start": Job.start,
    "stop": Job.stop,
    "restart": Job.restart,
    "reload": Job.reload,
}

RESTART = "restart"
RESTART_FIELDS = ("rolling", "batch")
"""Fields that only a restart has."""

routes = Blueprint("jobs", __name__)


def _job(session: str, name: str) -> Job:
    return current_kernel().manager.get(JobName.parse(name, session))


@routes.get("/jobs")
@checks_permissions
@describes(answers={200: Jobs})
async def list_jobs() -> Response:
    """List the jobs of all sessions."""
    return json_response({"jobs": [str(job.name) for job in readable_jobs()]})


@routes.post("/jobs/<session>")
@describes(query=Wait, body=Template, answers={201: Loaded}, errors=(409,))
async def load_job(session: str) -> Response:
    """Load a job, and start it unless its `start` is false."""
    wait = wait_parameter()
    config, _ = await read_config()
    job = current_kernel().manager.load(config, session)
    answer = {"ok": True, "name": str(job.name), **await wait_settled(wait, job.settled)}
    return json_response(answer, 201, location=f"/jobs/{job.name.session}/{job.name.name}")


@routes.get("/jobs/<session>/<name>")
@describes(answers={200: JobInfo})
async def show_job(session: str, name: str) -> Response:
    """Show the processes of a job, and its configuration."""
    return json_response(mask_for_caller(_job(session, name).info(), session))


@routes.put("/jobs/<session>/<name>")
@describes(query=Wait, body=Replacement, answers={200: Done})
async def update_job(session: str, name: str) -> Response:
    """Replace the configuration of a job, and its processes. `"start": true` also starts it."""
    wait = wait_parameter()
    job = _job(session, name)
    config, fields = await read_config(job.name.name)
    job = current_kernel().manager.update(
        config, job.name.session, start=fields.get("start", False)
    )
    return json_response({"ok": True, **await wait_jobs(wait, job)})


@routes.delete("/jobs/<session>/<name>")
@describes(query=Wait, answers={200: Done})
async def unload_job(session: str, name: str) -> Response:
    """Stop a job and remove it."""
    wait = wait_parameter()
    job = current_kernel().manager.unload(_job(session, name).name)
    return json_response({"ok": True, **await wait_settled(wait, job.gone.wait)})


@routes.get("/jobs/<session>/<name>/state")
@describes(answers={200: {"text/plain": Literal["0", "1"]}})
async def show_state(session: str, name: str) -> Response:
    """Show `1` if the job is active, otherwise `0`."""
    return text_response("1" if _job(session, name).active else "0")


@routes.post("/jobs/<session>/<name>/state")
@describes(query=Wait, body=(State, Restart, BareState), answers={202: Done})
async def change_state(session: str, name: str) -> Response:
    """Start, stop, restart or reload a job."""
    wait = wait_parameter()
    state, body = await _read_state()
    job = _job(session, name)
    if state == RESTART:
        _restart(job, body)
        return json_response({"ok": True, **await wait_jobs(wait, job)}, 202)
    STATES[state](job)
    return json_response({"ok": True, **await wait_settled(wait, job.settled)}, 202)


async def _read_state() -> tuple[str, dict[str, Any]]:
    """Return the state in the body, a bare `0`, `1` or `2` or `{"state": ...}`, and the object.

    Raises:
        InvalidField: the state is unknown, or it is no restart and has the field of one.
    """
    data = (await read_bytes()).strip()
    if data in (b"0", b"1", b"2"):
        return data.decode(), {}
    body = await read_object(["state", *RESTART_FIELDS])
    state = body.get("state")
    if isinstance(state, bool) or str(state) not in STATES:
        raise InvalidField("state", f"must be one of {', '.join(STATES)}")
    for name in RESTART_FIELDS:
        if name in body and state != RESTART:
            raise InvalidField(name, f"belongs to the state {RESTART}")
    return str(state), body


def _restart(job: Job, body: Mapping[str, Any]) -> None:
    rolling = body.get("rolling", False)
    if not isinstance(rolling, bool):
        raise InvalidField("rolling", "must be true or false")
    batch = 1 if rolling and job.config.restart_batch == "all" else None
    try:
        job.restart(batch=body.get("batch", batch))
    except InvalidField as error:
        raise InvalidField("batch", error.reason) from None


@routes.get("/jobs/<session>/<name>/numprocesses")
@describes(answers={200: Wanted})
async def show_numprocesses(session: str, name: str) -> Response:
    """Show how many processes of a job are wanted."""
    return json_response({"numprocesses": _job(session, name).numprocesses})


@routes.post("/jobs/<session>/<name>/numprocesses")
@describes(query=Wait, body=Scale, answers={200: Scaled})
async def scale_job(session: str, name: str) -> Response:
    """Change how many processes of a job are wanted."""
    wait = wait_parameter()
    scale = await read_field("scale")
    job = _job(session, name)
    return json_response(
        {"numprocesses": job.scale(scale), **await wait_settled(wait, job.settled)}
    )


@routes.post("/jobs/<session>/<name>/signal")
@describes(body=SignalRequest, answers={202: Done}, errors=(409,))
async def signal_job(session: str, name: str) -> Response:
    """Send a signal to every process of a job."""
    signal = await read_field("signal")
    job = _job(session, name)
    if not job.killall(signal):
        raise not_running_error(job.name)
    return json_response({"ok": True}, 202)


@routes.get("/jobs/<session>/<name>/pids")
@describes(answers={200: JobPids})
async def list_job_pids(session: str, name: str) -> Response:
    """List the pids of a job's processes."""
    return json_response({"ok": True, "pids": _job(session, name).pids()})


@routes.get("/jobs/<session>/<name>/status")
@describes(answers={200: JobStatus})
async def show_status(session: str, name: str) -> Response:
    """Show whether a job runs as configured."""
    return json_response(_job(session, name).status())


@routes.post("/jobs/<session>/<name>/commit")
@describes(query=Wait, body=Commit, optional=True, answers={201: Committed})
async def commit_process(session: str, name: str) -> Response:
    """Start one additional process, which is not kept alive."""
    wait = wait_parameter()
    body = await read_object(["env", "graceful_timeout"], optional=True)
    job = _job(session, name)
    check_not_masked(body)
    pid = job.commit(body.get("env"), body.get("graceful_timeout"))
    return json_response(
        {"pid": pid, **await wait_settled(wait, job.settled)}, 201, location=f"/pids/{pid}"
    )
