"""The paths under gaffer-http: one sample as JSON, or with `?feed=` a stream of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec
from gaffer_kernel import InvalidField, Job, JobName, Kernel, Manager, NotFound, Process
from gaffer_kernel.plugin import FullName, is_pid

from gaffer_stats.redaction import redact_job, redact_jobs, redact_process
from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.service import Stats

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller
    from quart import Blueprint, Response

EVENT = "stat"
"""The type of a sample as a server-sent event."""


class ProcessStats(msgspec.Struct):
    """A process at one moment."""

    stats: Sample


def make_routes(kernel: Kernel) -> Blueprint:
    """Make the paths for the processes of a kernel. Needs quart, which gaffer-http depends on."""
    from gaffer_http.plugin_api import checks_permissions
    from quart import Blueprint

    routes = Blueprint("stats", __name__)
    respond = partial(_respond, kernel)

    @routes.get("/stats")
    # Otherwise callers who may read only some sessions would be refused.
    @checks_permissions
    @_returns(list[JobStats])
    async def all_stats() -> Response:
        """Show samples of every process that the caller may read, by job."""
        return await respond(kernel.manager, redact_jobs)

    @routes.get("/stats/<name>")
    @_returns(JobStats, {"name": FullName})
    async def stats_of_name(name: str) -> Response:
        """Show samples of each process of a job, and totals."""
        return await respond(kernel.manager.get(name), redact_job)

    @routes.get("/jobs/<session>/<name>/stats")
    @_returns(JobStats)
    async def job_stats(session: str, name: str) -> Response:
        """Show samples of each process of a job, and totals."""
        return await respond(kernel.manager.get(JobName.parse(name, session)), redact_job)

    @routes.get("/stats/<name>/<pid>")
    @_returns(Sample, {"name": FullName})
    async def stats_of_pid(name: str, pid: str) -> Response:
        """Show a sample of a process of a job."""
        job = kernel.manager.get(name)
        if not is_pid(pid):
            raise InvalidField("pid", "must be a number")
        if int(pid) not in job.pids():
            raise NotFound("process", f"{job.name}/{pid}")
        return await respond(kernel.manager.process(int(pid)), redact_process)

    @routes.get("/pids/<pid>/stats")
    @routes.get("/<pid>/stats")
    @_returns(ProcessStats)
    async def process_stats(pid: str) -> Response:
        """Show a sample of a process."""
        if not is_pid(pid):
            raise NotFound("process", pid)
        return await respond(kernel.manager.process(int(pid)), _redact_process_stats)

    return routes


def _returns(kind: Any, path: Mapping[str, Any] | None = None) -> Callable[[Any], Any]:
    """Describe a view: the type of its response, and types of parameters in its path."""
    from gaffer_http.plugin_api import describes

    # 404 also where the path has no parameter: the plugin may be closed.
    return describes(answers={200: kind}, path=path or {}, feed=True, errors=(404,))


async def _respond(
    kernel: Kernel, subject: Process | Job | Manager, redact: Callable[[Caller, Any], object]
) -> Response:
    """Respond to the current request with a sample, or with a feed if it has parameters."""
    from gaffer_http.plugin_api import get_http_service, json_response
    from quart import request

    if "stats" not in kernel.services:
        raise NotFound("service", "stats")
    stats = cast(Stats, kernel.services["stats"])
    http = get_http_service(kernel)
    redact_for_caller = partial(redact, http.caller())
    if request.args:
        return await http.feed(stats.watch(subject), event=EVENT, show=redact_for_caller)
    return json_response(redact_for_caller(await stats.sample(subject)))


def _redact_process_stats(caller: Caller, sample: Sample) -> ProcessStats:
    return ProcessStats(redact_process(caller, sample))
