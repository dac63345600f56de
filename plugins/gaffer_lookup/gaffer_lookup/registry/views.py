"""Facts as they are told: nodes, sessions and jobs by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import msgspec
from gaffer_kernel import JobName

from gaffer_lookup.registry.facts import Jobs, Node, Sources
from gaffer_lookup.registry.store import Store, all_jobs

_encode = msgspec.json.Encoder().encode

Object = dict[str, Any]


def change(event: str, node: Node, **what: Any) -> str:
    """What observers are told of a change: of a node, or of a job and its process."""
    told = {"event": event, "node": node.info, **what} if what else {"event": event, **node.info}
    return _encode(told).decode()


def gap(dropped: int) -> str:
    """What an observer is told who has been too slow for some changes."""
    return _encode({"event": "gap", "dropped": dropped}).decode()


def nodes(store: Store) -> Object:
    """All nodes."""
    return {"nodes": [node.info for node in sorted(store.nodes(), key=_place)]}


def jobs(found: Iterable[tuple[JobName, Sources]]) -> Object:
    """Some jobs, and who has them."""
    told = [{"name": str(job), "sources": sources(where)} for job, where in sorted(found, key=_job)]
    return {"nb_jobs": len(told), "jobs": told}


def sources(where: Sources) -> list[Object]:
    """Who has a job."""
    return [_source(node, where[node]) for node in sorted(where, key=_place)]


def sessions(store: Store) -> Object:
    """All sessions, their jobs, and who has them."""
    return _sessions(store.sessions())


def sessions_of(store: Store, name: str) -> Object | None:
    """The same of the nodes of a name alone; None if there is none."""
    named = [node for node in store.nodes() if node.name == name]
    found: dict[str, dict[JobName, dict[Node, Set[int]]]] = {}
    for node in named:
        for job, pids in store.jobs_of(node).items():
            found.setdefault(job.session, {}).setdefault(job, {})[node] = pids
    return _sessions(found) if named else None


def find_job(store: Store, job: JobName) -> Object:
    """Who has a job."""
    return {"sources": sources(store.sessions().get(job.session, {}).get(job, {}))}


def find_session(store: Store, session: str) -> Object:
    """The jobs of a session, and who has them."""
    return jobs(store.sessions().get(session, {}).items())


def every_job(store: Store) -> Object:
    """All jobs, and who has them."""
    return jobs(all_jobs(store))


def _sessions(found: Mapping[str, Jobs]) -> Object:
    told = [
        {
            "sessionid": session,
            "jobs": {str(job): sources(jobs[job]) for job in sorted(jobs)},
        }
        for session, jobs in sorted(found.items())
    ]
    return {"nb_sessions": len(told), "sessions": told}


def _place(node: Node) -> tuple[str, str]:
    return node.name, node.origin


def _job(entry: tuple[JobName, Sources]) -> JobName:
    return entry[0]


def _source(node: Node, pids: Set[int]) -> Object:
    return {"name": node.name, "pids": sorted(pids), "node_info": node.info}
