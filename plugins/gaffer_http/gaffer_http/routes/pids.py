"""`/pids`: single processes."""

from __future__ import annotations

from gaffer_kernel import NotFound, Process
from gaffer_kernel.plugin import MAX_PID, is_pid
from quart import Blueprint, Response
from werkzeug.routing import BaseConverter

from gaffer_http.auth.authorization import check_visible, current_caller
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.errors import not_running_error
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.requests import Ended, SignalRequest
from gaffer_http.schemas.responses import Done, Pids, ProcessInfo
from gaffer_http.views.body import read_field
from gaffer_http.views.current import current_kernel
from gaffer_http.views.job_config import mask_for_caller
from gaffer_http.views.parameters import flag_parameter
from gaffer_http.views.responses import json_response
from gaffer_http.views.wait import Wait, wait_parameter, wait_settled

routes = Blueprint("pids", __name__)


class PidConverter(BaseConverter):
    """`<digits:pid>` in a path: a pid; any other word belongs to another route."""

    regex = f"[0-9]{{1,{MAX_PID}}}"


def get_process(pid: str, *, ended: bool = False) -> Process:
    """Return the process that a path names.

    Args:
        pid: as it stands in the path.
        ended: also return one that has exited, while its output is kept.

    Raises:
        NotFound: there is none that the caller may read, or the pid is invalid.
    """
    if not is_pid(pid):
        raise NotFound("process", pid)
    return check_visible(current_kernel().manager.process(int(pid), exited=ended))


@routes.get("/pids")
@checks_permissions
@describes(answers={200: Pids})
async def list_pids() -> Response:
    """List the pids of all processes."""
    return json_response({"pids": readable_pids()})


def readable_pids() -> list[int]:
    """Return the pids of the processes that the caller may read."""
    who, manager = current_caller(), current_kernel().manager
    if who.may("read"):
        return manager.pids()
    return [each.pid for each in manager.walk() if who.may("read", each.job.session)]


@routes.get("/pids/<pid>")
@routes.get("/<digits:pid>")
@describes(query=Ended, answers={200: ProcessInfo})
async def show_process(pid: str) -> Response:
    """Show a process."""
    process = get_process(pid, ended=flag_parameter("ended"))
    return json_response(mask_for_caller(process.info(), process.job.session))


@routes.delete("/pids/<pid>")
@routes.delete("/<digits:pid>")
@describes(query=Wait, answers={202: Done})
async def stop_process(pid: str) -> Response:
    """Stop a process. Its job, when active, starts a successor."""
    wait = wait_parameter()
    process = get_process(pid)
    job = current_kernel().manager.get(process.job)
    process.stop()
    return json_response({"ok": True, **await wait_settled(wait, job.settled)}, 202)


@routes.post("/pids/<pid>/signal")
@routes.post("/<digits:pid>/signal")
@describes(body=SignalRequest, answers={202: Done}, errors=(409,))
async def signal_process(pid: str) -> Response:
    """Send a signal to a process and its group."""
    signal = await read_field("signal")
    if not get_process(pid).kill(signal):
        raise not_running_error(pid)
    return json_response({"ok": True}, 202)
