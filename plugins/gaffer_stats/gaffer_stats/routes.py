"""The paths that gaffer-http shows: one sample as JSON, or with `?feed=` one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec
from gaffer_kernel import InvalidField, Job, JobName, Kernel, Manager, NotFound, Process
from gaffer_kernel.plugin import FullName, is_pid

from gaffer_stats.redaction import job_for, jobs_for, process_for
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
    """The paths about the processes of a kernel. Needs quart, which gaffer-http brings."""
    from gaffer_http.plugin_api import checks_permissions
    from quart import Blueprint

    routes = Blueprint("stats", __name__)
    answer = partial(_answer, kernel)

    @routes.get("/stats")
    # Otherwise callers who may read only some sessions would be refused.
    @checks_permissions
    @_answers(list[JobStats])
    async def all_stats() -> Response:
        """Samples of every process that the caller may read, by job."""
        return await answer(kernel.manager, jobs_for)

    @routes.get("/stats/<name>")
    @_answers(JobStats, {"name": FullName})
    async def stats_of_name(name: str) -> Response:
        """Samples of each process of a job, and totals."""
        return await answer(kernel.manager.get(name), job_for)

    @routes.get("/jobs/<session>/<name>/stats")
    @_answers(JobStats)
    async def job_stats(session: str, name: str) -> Response:
        """Samples of each process of a job, and totals."""
        return await answer(kernel.manager.get(JobName.parse(name, session)), job_for)

    @routes.get("/stats/<name>/<pid>")
    @_answers(Sample, {"name": FullName})
    async def stats_of_pid(name: str, pid: str) -> Response:
        """Samples of a process of a job."""
        job = kernel.manager.get(name)
        if not is_pid(pid):
            raise InvalidField("pid", "must be a number")
        if int(pid) not in job.pids():
            raise NotFound("process", f"{job.name}/{pid}")
        return await answer(kernel.manager.process(int(pid)), process_for)

    @routes.get("/pids/<pid>/stats")
    @routes.get("/<pid>/stats")
    @_answers(ProcessStats)
    async def process_stats(pid: str) -> Response:
        """Samples of a process."""
        if not is_pid(pid):
            raise NotFound("process", pid)
        return await answer(kernel.manager.process(int(pid)), _wrapped_process_for)

    return routes


def _answers(kind: Any, path: Mapping[str, Any] | None = None) -> Callable[[Any], Any]:
    """Describe a view: the type of its response, and types of parameters in its path."""
    from gaffer_http.plugin_api import describes

    # 404 also where the path has no parameters: while the plugin is closed.
    return describes(answers={200: kind}, path=path or {}, feed=True, errors=(404,))


async def _answer(
    kernel: Kernel, subject: Process | Job | Manager, show: Callable[[Caller, Any], object]
) -> Response:
    """Answer the current request with a sample, or a feed of them if it has parameters."""
    from gaffer_http.plugin_api import get_http_service, json_response
    from quart import request

    if "stats" not in kernel.services:
        raise NotFound("service", "stats")
    stats = cast(Stats, kernel.services["stats"])
    http = get_http_service(kernel)
    show_caller = partial(show, http.caller())
    if request.args:
        return await http.feed(stats.watch(subject), event=EVENT, show=show_caller)
    return json_response(show_caller(await stats.sample(subject)))


def _wrapped_process_for(caller: Caller, sample: Sample) -> ProcessStats:
    return ProcessStats(process_for(caller, sample))
