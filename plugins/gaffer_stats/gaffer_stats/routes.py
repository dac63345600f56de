"""The paths that gaffer-http shows: one sample, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from gaffer_kernel import InvalidField, JobName, NotFound
from gaffer_kernel.kernel import Kernel

from gaffer_stats.service import Stats

if TYPE_CHECKING:
    from quart import Blueprint, Response

JSON = "application/json; charset=utf-8"

_LONGEST_PID = 18
"""Digits."""

_encode = msgspec.json.Encoder().encode


def make_routes(kernel: Kernel) -> Blueprint:
    """The paths about the processes of a kernel. Needs quart, which gaffer-http brings."""
    from quart import Blueprint

    routes = Blueprint("stats", __name__)

    @routes.get("/stats")
    async def all_stats() -> Response:
        """A sample of every process, by job."""
        return _reply(await _service(kernel).all())

    @routes.get("/stats/<name>")
    async def stats_of_name(name: str) -> Response:
        """A sample of each process of a job, and totals."""
        return _reply(await _service(kernel).job(name))

    @routes.get("/jobs/<session>/<name>/stats")
    async def job_stats(session: str, name: str) -> Response:
        """A sample of each process of a job, and totals."""
        return _reply(await _service(kernel).job(JobName.parse(name, session)))

    @routes.get("/stats/<name>/<pid>")
    async def stats_of_pid(name: str, pid: str) -> Response:
        """A sample of a process of a job."""
        job = kernel.manager.get(name)
        if not _is_number(pid):
            raise InvalidField("pid", "must be a number")
        if int(pid) not in job.pids():
            raise NotFound("process", f"{job.name}/{pid}")
        return _reply(await _service(kernel).process(int(pid)))

    @routes.get("/pids/<pid>/stats")
    @routes.get("/<pid>/stats")
    async def process_stats(pid: str) -> Response:
        """A sample of a process."""
        if not _is_number(pid):
            raise NotFound("process", pid)
        return _reply({"stats": await _service(kernel).process(int(pid))})

    return routes


def _service(kernel: Kernel) -> Stats:
    """The service, once the request has been found to ask for nothing that it cannot have."""
    from quart import request

    for name in request.args:
        if name == "feed":
            raise InvalidField(name, "there is no feed of samples: ask again for the next one")
        raise InvalidField(name, "is not a parameter of this request")
    if "stats" not in kernel.services:
        raise NotFound("service", "stats")
    return cast(Stats, kernel.services["stats"])


def _is_number(pid: str) -> bool:
    return pid.isascii() and pid.isdigit() and len(pid) <= _LONGEST_PID


def _reply(value: Any) -> Response:
    from quart import Response

    return Response(_encode(value), content_type=JSON)
