"""What a caller may do: a right in a session, read off the route that he asks for.

The sessions that a route touches are told by the names of its parameters, so that the rule holds
for the routes of plugins, too: `session`; `name`, of a job; `pid`, of a process. A route without
any of them is for those who have the right everywhere, unless it is `open_to_all` or says that it
`checks_itself`. The right is that to read for GET, else, and for a websocket, on which both talk,
that to manage, unless `needs` says which.

Each mark is an attribute of the view, which other plugins, who can import nothing from here, set
themselves: `gaffer_needs`, a Right; `gaffer_every_caller`, True for a view that is open to all or
checks itself, which it does with `kernel.services["http"].may`. A page in a browser without a page
key gets only the views marked `without_page_key`, with the attribute `gaffer_without_page_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from gaffer_kernel import Job, JobName, Kernel, NotFound, Process
from gaffer_kernel.plugin import is_pid
from quart import current_app, has_request_context, request, websocket

from gaffer_http.auth.caller import Caller, Right
from gaffer_http.auth.middleware import READING
from gaffer_http.auth.pages import PageKeyNeeded, UnknownPage
from gaffer_http.errors import ApiError

_NEEDS = "gaffer_needs"
_EVERY = "gaffer_every_caller"
_WITHOUT_KEY = "gaffer_without_page_key"

View = TypeVar("View", bound=Callable[..., Any])


def needs(right: Right) -> Callable[[View], View]:
    """Mark a route that wants another right than its method tells."""

    def mark(view: View) -> View:
        setattr(view, _NEEDS, right)
        return view

    return mark


def open_to_all(view: View) -> View:
    """Mark a route that tells nothing of any session: whoever may call at all may ask."""
    setattr(view, _EVERY, True)
    return view


checks_itself = open_to_all
"""Mark a route that asks `caller` itself, for each thing it tells or does."""


def without_page_key(view: View) -> View:
    """Mark a route that is `open_to_all`, also to pages whose browser is not signed in."""
    setattr(view, _WITHOUT_KEY, True)
    return open_to_all(view)


def caller() -> Caller:
    """Who sent the current request or opened the current websocket."""
    asked = request if has_request_context() else websocket
    return cast(Caller, asked.scope["gaffer.caller"])  # type: ignore[typeddict-item]


def require(right: Right, session: str | None = None) -> None:
    """Refuse the current request unless its caller has a right.

    Args:
        right: which.
        session: where; None for everywhere.

    Raises:
        ApiError: 403.
    """
    who = caller()
    if not who.may(right, session):
        where = "in every session" if session is None else f"in session {session}"
        raise ApiError(403, "forbidden", f"{who.name} has no right to {right} {where}")


def readable(jobs: list[Job]) -> list[Job]:
    """Those of some jobs that the caller may read."""
    who = caller()
    if who.may("read"):
        return jobs
    return [job for job in jobs if who.may("read", job.name.session)]


def visible(process: Process) -> Process:
    """The process, if the caller may read it. A pid tells others nothing, not even its session.

    Raises:
        NotFound: as if there were no such process.
    """
    if not caller().may("read", process.job.session):
        raise NotFound("process", process.pid)
    return process


async def check_request(kernel: Kernel) -> None:
    """Refuse the current request or websocket if its caller has not the right that it takes.

    Raises:
        ApiError: 403; 401, a page needs a page key.
        NotFound: there is no such process, or it is not `visible`.
        InvalidField: what names a job is no name.
    """
    asked = request if has_request_context() else websocket
    who = caller()
    if isinstance(who, UnknownPage):
        # Also where there is no route: a page that is not signed in learns nothing.
        if not getattr(current_app.view_functions.get(asked.endpoint or ""), _WITHOUT_KEY, False):
            raise PageKeyNeeded
        return
    if who.may("manage") or asked.url_rule is None:
        return
    view = current_app.view_functions[asked.endpoint or ""]
    if getattr(view, _EVERY, False):
        return
    reads = has_request_context() and asked.method in READING
    right: Right = getattr(view, _NEEDS, "read" if reads else "manage")
    touched = list(_sessions(kernel, asked.view_args or {}))
    for session in touched or (None,):
        require(right, session)


def _sessions(kernel: Kernel, parameters: Mapping[str, Any]) -> Iterator[str]:
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
        yield visible(process).job.session
