"""Authorization: whether a caller has the permission that a route needs.

The sessions that a route touches follow from the names of its parameters, so the rule also holds
for the routes of plugins: `session`; `name`, of a job; `pid`, of a process. A route without any of
them needs the permission in every session, unless it is marked `open_to_all` or
`checks_permissions`. The permission is `read` for GET and HEAD, otherwise `manage`, also for a
websocket, on which both sides send; `needs` names another one. See `auth.marks`.

A page in a browser without a page key gets only the views that are marked `without_page_key`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gaffer_kernel import Job, JobName, Kernel, NotFound, Process
from gaffer_kernel.plugin import is_pid
from quart import current_app, has_request_context

from gaffer_http.auth.caller import Caller, Right
from gaffer_http.auth.marks import ALL_CALLERS, NEEDS, WITHOUT_PAGE_KEY
from gaffer_http.auth.middleware import READING
from gaffer_http.auth.pages import PageKeyNeededError, UnknownPage
from gaffer_http.errors import ApiError
from gaffer_http.views.current import current_context, current_kernel, current_request


def current_caller() -> Caller:
    """Return the caller that sent the current request or opened the current websocket."""
    caller = current_context().caller
    assert caller is not None
    return caller


def require(right: Right, session: str | None = None) -> None:
    """Refuse the current request unless its caller has a permission.

    Args:
        right: which.
        session: where; None for every session.

    Raises:
        ApiError: 403.
    """
    caller = current_caller()
    if not caller.may(right, session):
        where = "in every session" if session is None else f"in session {session}"
        raise ApiError(403, "forbidden", f"{caller.name} has no permission to {right} {where}")


def readable_jobs() -> list[Job]:
    """Return all jobs that the caller may read."""
    caller, jobs = current_caller(), current_kernel().manager.jobs()
    if caller.may("read"):
        return jobs
    return [job for job in jobs if caller.may("read", job.name.session)]


def check_visible(process: Process) -> Process:
    """Return the process if the caller may read it.

    Raises:
        NotFound: as for a pid that does not exist, so that nothing about the process is revealed.
    """
    if not current_caller().may("read", process.job.session):
        raise NotFound("process", process.pid)
    return process


async def check_request(kernel: Kernel) -> None:
    """Refuse the current request or websocket if its caller lacks the permission it needs.

    Raises:
        ApiError: 403; 401, a page needs a page key.
        NotFound: there is no such process, or the caller may not read it.
        InvalidField: the name of a job is invalid.
    """
    requested = current_request()
    caller = current_caller()
    if isinstance(caller, UnknownPage):
        # Also where there is no route: a page that is not signed in learns nothing.
        view = current_app.view_functions.get(requested.endpoint or "")
        if not getattr(view, WITHOUT_PAGE_KEY, False):
            raise PageKeyNeededError
        return
    if caller.may("manage") or requested.url_rule is None:
        return
    view = current_app.view_functions[requested.endpoint or ""]
    if getattr(view, ALL_CALLERS, False):
        return
    reads = has_request_context() and requested.method in READING
    right: Right = getattr(view, NEEDS, "read" if reads else "manage")
    touched = list(_sessions(kernel, requested.view_args or {}))
    for session in touched or (None,):
        require(right, session)


def _sessions(kernel: Kernel, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the session of each job and process that the path names."""
    if "session" in parameters:
        yield parameters["session"]
    name = parameters.get("name")
    pids = [parameters["pid"]] if "pid" in parameters else []
    if name is not None and is_pid(name):
        pids.append(name)
    elif name is not None:
        yield JobName.parse(name, parameters.get("session")).session
    for pid in pids:
        process = kernel.manager.process(int(pid) if is_pid(pid) else 0, exited=True)
        yield check_visible(process).job.session
