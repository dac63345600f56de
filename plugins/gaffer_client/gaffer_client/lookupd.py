"""Every path of lookupd that this client uses."""

from __future__ import annotations

from urllib.parse import quote

from gaffer_client.errors import ArgumentError
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.names import JobName, check_part
from gaffer_client.requests import Request, key


def nodes() -> Request[list[Node]]:
    """All nodes."""
    return Request(method="GET", path="/nodes", read=key("nodes", list[Node]))


def sessions(node: str | None) -> Request[list[LookupSession]]:
    """The sessions of all nodes, or of those of a name."""
    if node is not None and (not node or node in (".", "..")):
        raise ArgumentError(f"{node!r} is not the name of a node")
    path = "/sessions" if node is None else f"/sessions/{quote(node, safe='')}"
    return Request(method="GET", path=path, read=key("sessions", list[LookupSession]))


def jobs() -> Request[list[LookupJob]]:
    """The jobs of all nodes."""
    return Request(method="GET", path="/jobs", read=key("jobs", list[LookupJob]))


def find_job(name: JobName) -> Request[list[Source]]:
    """Who has a job."""
    query = {"name": f"{name.session}.{name.name}"}
    return Request(method="GET", path="/findJob", read=key("sources", list[Source]), query=query)


def find_session(session: str) -> Request[list[LookupJob]]:
    """The jobs of a session, and who has them."""
    query = {"sessionid": check_part(session)}
    return Request(
        method="GET", path="/findSession", read=key("jobs", list[LookupJob]), query=query
    )
