"""Names in the form of older gaffers: `job` or `group:job`; only digits mean a pid."""

from __future__ import annotations

from gaffer_kernel import Job, JobName
from gaffer_kernel.plugin import DEFAULT_SESSION
from quart import request

from gaffer_http.errors import error_from_status
from gaffer_http.views.current import current_kernel


def legacy_name(name: JobName) -> str:
    """Return the name of a job in the form of older gaffers."""
    return name.name if name.session == DEFAULT_SESSION else f"{name.session}:{name.name}"


def is_pid(text: str) -> bool:
    """Return whether a path names a process, not a job."""
    return text.isascii() and text.isdigit()


def get_job(text: str) -> Job:
    """Return the job that a path names.

    Raises:
        ApiError: 404, for a pid: this path is for jobs only.
        NotFound: there is no such job.
        InvalidField: the name is invalid.
    """
    if is_pid(text):
        raise error_from_status(404, f"there is nothing at {request.path}, {text} is a pid")
    return current_kernel().manager.get(text)
