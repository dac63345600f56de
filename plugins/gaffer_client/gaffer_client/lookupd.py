"""All paths of lookupd that this package uses, as requests."""

from __future__ import annotations

from urllib.parse import quote

from gaffer_client.errors import ArgumentError
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.names import JobName, check_part
from gaffer_client.requests import Request, read_key


def nodes() -> Request[list[Node]]:
    """List all nodes."""
    return Request(method="GET", path="/nodes", read=read_key("nodes", list[Node]))


def sessions(node: str | None) -> Request[list[LookupSession]]:
    """List the sessions of all nodes, or of the nodes with a name."""
    if node is not None and (not node or node in (".", "..")):
        raise ArgumentError(f"{node!r} is not the name of a node")
    path = "/sessions" if node is None else f"/sessions/{quote(node, safe='')}"
    return Request(method="GET", path=path, read=read_key("sessions", list[LookupSession]))


def jobs() -> Request[list[LookupJob]]:
    """List the jobs of all nodes."""
    return Request(method="GET", path="/jobs", read=read_key("jobs", list[LookupJob]))


def find_job(name: JobName) -> Request[list[Source]]:
    """List the nodes that have a job."""
    query = {"name": f"{name.session}.{name.name}"}
    read = read_key("sources", list[Source])
    return Request(method="GET", path="/findJob", read=read, query=query)


def find_session(session: str) -> Request[list[LookupJob]]:
    """List the jobs of a session, with their nodes."""
    query = {"sessionid": check_part(session)}
    read = read_key("jobs", list[LookupJob])
    return Request(method="GET", path="/findSession", read=read, query=query)
