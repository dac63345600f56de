"""`/processes`: jobs, which older gaffers called processes, and pids."""

from __future__ import annotations

from typing import Any

from gaffer_kernel import InvalidField, Job, JobName
from gaffer_kernel.plugin import shown
from quart import Blueprint, Response

from gaffer_http.auth.authorization import readable_jobs, require
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.errors import ApiError, not_running_error
from gaffer_http.openapi.describe import describes
from gaffer_http.routes.legacy.names import get_job, is_pid, legacy_name
from gaffer_http.routes.pids import get_process, readable_pids
from gaffer_http.schemas.requests import (
    More,
    OldName,
    OldNameOrPid,
    OldReplacement,
    OldTemplate,
    Running,
    Signal,
)
from gaffer_http.schemas.responses import (
    Done,
    DoneScaled,
    JobPids,
    OldConfiguration,
    OldProcessInfo,
)
from gaffer_http.views.current import current_kernel
from gaffer_http.views.job_config import (
    config_from_fields,
    invalid_config_error,
    mask_for_caller,
    read_fields,
)
from gaffer_http.views.parameters import flag_parameter
from gaffer_http.views.responses import json_response
from gaffer_http.views.wait import Wait, wait_parameter, wait_settled

routes = Blueprint("processes", __name__)

_changes_job = describes(path={"name": OldName}, query=Wait, answers={200: Done})
_changes = describes(path={"name": OldNameOrPid}, query=Wait, answers={200: Done})
_scales = describes(path={"name": OldName, "n": More}, query=Wait, answers={200: DoneScaled})


@routes.get("/processes")
@checks_permissions
@describes(query=Running, answers={200: (list[str], list[int])})
async def list_processes() -> Response:
    """List the names of all jobs; with `?running=true` the pids of all processes."""
    if flag_parameter("running"):
        return json_response(readable_pids())
    return json_response([legacy_name(job.name) for job in readable_jobs()])


@routes.post("/processes")
@checks_permissions
@describes(query=Wait, body=OldTemplate, answers={200: Done}, errors=(409,))
async def load_process() -> Response:
    """Load a job; its name may be `group:job`."""
    wait = wait_parameter()
    fields = await read_fields()
    name = _take_name(fields)
    require("manage", name.session)
    config = config_from_fields(fields)
    job = current_kernel().manager.load(config, name.session)
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


def _take_name(fields: dict[str, Any], default: JobName | None = None) -> JobName:
    """Return the job that a body names, and leave only the name in its session in the body."""
    text = fields.get("name", default and legacy_name(default))
    if not isinstance(text, str):
        raise invalid_config_error(InvalidField("name", "must be a text"))
    try:
        name = JobName.parse(text)
    except InvalidField as error:
        raise invalid_config_error(error) from None
    if default is not None and name != default:
        reason = f"is {shown(text)} here, it cannot be changed"
        raise invalid_config_error(InvalidField("name", reason))
    fields["name"] = name.name
    return name


@routes.get("/processes/<name>")
@describes(path={"name": OldNameOrPid}, answers={200: (OldConfiguration, OldProcessInfo)})
async def show_process(name: str) -> Response:
    """Show the configuration of a job; for a pid also the process."""
    if not is_pid(name):
        job = get_job(name)
        config = {**job.config.to_dict(), "name": legacy_name(job.name)}
        return json_response(mask_for_caller(config, job.name.session))
    process = get_process(name)
    info = {**process.config.to_dict(), **process.info(), "name": legacy_name(process.job)}
    return json_response(mask_for_caller(info, process.job.session))


@routes.put("/processes/<name>")
@routes.post("/processes/<name>")
@describes(path={"name": OldName}, query=Wait, body=OldReplacement, answers={200: Done})
async def update_process(name: str) -> Response:
    """Replace the configuration of a job, and its processes."""
    wait = wait_parameter()
    job = get_job(name)
    fields = await read_fields()
    _take_name(fields, job.name)
    config = config_from_fields(fields)
    job = current_kernel().manager.update(
        config, job.name.session, start=fields.get("start", False)
    )
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


@routes.delete("/processes/<name>")
@_changes
async def remove_process(name: str) -> Response:
    """Stop a job and remove it; of a pid, stop the process."""
    if is_pid(name):
        return await _stop(name)
    wait = wait_parameter()
    job = current_kernel().manager.unload(get_job(name).name)
    return json_response({"ok": True, **await wait_settled(wait, job.gone.wait)})


@routes.post("/processes/<name>/_start")
@_changes_job
async def start_process(name: str) -> Response:
    """Start a job."""
    wait = wait_parameter()
    job = get_job(name)
    job.start()
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


@routes.post("/processes/<name>/_stop")
@_changes
async def stop_process(name: str) -> Response:
    """Stop a job, or one process."""
    if is_pid(name):
        return await _stop(name)
    wait = wait_parameter()
    job = get_job(name)
    job.stop()
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


async def _stop(pid: str) -> Response:
    wait = wait_parameter()
    process = get_process(pid)
    job = current_kernel().manager.get(process.job)
    process.stop()
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


@routes.post("/processes/<name>/_restart")
@_changes_job
async def restart_process(name: str) -> Response:
    """Restart a job."""
    wait = wait_parameter()
    job = get_job(name)
    job.restart()
    return json_response({"ok": True, **await wait_settled(wait, job.settled)})


@routes.post("/processes/<name>/_add")
@routes.post("/processes/<name>/_add/<n>")
@_scales
async def add_instances(name: str, n: str = "1") -> Response:
    """Add processes to a job."""
    return await _scale(get_job(name), "+", n)


@routes.post("/processes/<name>/_sub")
@routes.post("/processes/<name>/_sub/<n>")
@_scales
async def remove_instances(name: str, n: str = "1") -> Response:
    """Remove processes from a job."""
    return await _scale(get_job(name), "-", n)


async def _scale(job: Job, sign: str, n: str) -> Response:
    wait = wait_parameter()
    if not (n.isascii() and n.isdigit()):
        raise InvalidField("n", f"must be a number, not {shown(n)}")
    number = job.scale(f"{sign}{n}")
    return json_response(
        {"ok": True, "numprocesses": number, **await wait_settled(wait, job.settled)}
    )


@routes.post("/processes/<name>/_signal")
@describes(path={"name": OldNameOrPid}, answers={})
async def signal_nothing(name: str) -> Response:
    """Report that the signal is missing in the path."""
    raise ApiError(400, "no_signal_number", "the path must end with a signal: _signal/HUP")


@routes.post("/processes/<name>/_signal/<signal>")
@describes(path={"name": OldNameOrPid, "signal": Signal}, answers={200: Done}, errors=(409,))
async def signal_process(name: str, signal: str) -> Response:
    """Send a signal, by name or number, to every process of a job, or to one process."""
    target = get_process(name).kill if is_pid(name) else get_job(name).killall
    if not target(signal):
        raise not_running_error(name)
    return json_response({"ok": True})


@routes.get("/processes/<name>/_pids")
@describes(path={"name": OldName}, answers={200: JobPids})
async def list_process_pids(name: str) -> Response:
    """List the pids of a job's processes."""
    return json_response({"ok": True, "pids": get_job(name).pids()})
