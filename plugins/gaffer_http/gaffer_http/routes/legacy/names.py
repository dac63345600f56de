"""Names as older gaffers wrote them: `job`, or `group:job`; all digits mean a pid."""

from __future__ import annotations

from gaffer_kernel import Job, JobName
from gaffer_kernel.plugin import DEFAULT_SESSION
from quart import request

from gaffer_http.errors import error_from_status
from gaffer_http.views.current import current_kernel


def legacy_name(name: JobName) -> str:
    """How an older gaffer called a job."""
    return name.name if name.session == DEFAULT_SESSION else f"{name.session}:{name.name}"


def is_pid(text: str) -> bool:
    """Whether a path means a process, and not a job."""
    return text.isascii() and text.isdigit()


def get_job(text: str) -> Job:
    """The job that a path names.

    Raises:
        ApiError: 404, for a pid: this path is for jobs only.
        NotFound: there is no such job.
        InvalidField: that is no name.
    """
    if is_pid(text):
        raise error_from_status(404, f"there is nothing at {request.path}, {text} is a pid")
    return current_kernel().manager.get(text)
