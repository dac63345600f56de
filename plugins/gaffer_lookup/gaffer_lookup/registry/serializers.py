"""Facts as they are told: nodes, sessions and jobs by their names.

What can be asked may be long, so it is told in pieces of JSON, each made when it is asked for, and
some of them empty: whoever sends them can do something else in between. Then what is registered may
change, and each job is told as it is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from heapq import merge
from typing import Any

import msgspec
from gaffer_kernel import JobName

from gaffer_lookup.registry.node import Node, Sources
from gaffer_lookup.registry.store import Store, all_jobs

STEP = 2000
"""Names that are looked at in one go."""

Pieces = Iterator[bytes]

_encode = msgspec.json.Encoder().encode
_NOBODY: Sources = {}


def change(event: str, node: Node, **what: Any) -> str:
    """What observers are told of a change: of a node, or of a job and its process."""
    told = {"event": event, "node": node.info, **what} if what else {"event": event, **node.info}
    return _encode(told).decode()


def gap(dropped: int) -> str:
    """What an observer is told who has been too slow for some changes."""
    return _encode({"event": "gap", "dropped": dropped}).decode()


def nodes(store: Store) -> Pieces:
    """All nodes."""
    yield b'{"nodes":['
    yield from _listed(_encode(node.info) for node in sorted(store.nodes(), key=_place))
    yield b"]}"


def every_job(store: Store) -> Pieces:
    """All jobs, and who has them."""
    return _jobs(store, _every_name(store))


def find_session(store: Store, session: str) -> Pieces:
    """The jobs of a session, and who has them."""
    return _jobs(store, store.sessions().get(session, ()))


def find_job(store: Store, job: JobName) -> Pieces:
    """Who has a job."""
    yield b'{"sources":['
    yield from _sources(_who_has(store, job))
    yield b"]}"


def sessions(store: Store) -> Pieces:
    """All sessions, their jobs, and who has them."""
    return _sessions(_every_name(store), lambda job: _who_has(store, job))


def sessions_of(store: Store, name: str) -> Pieces | None:
    """The same of the nodes of a name alone; None if there is none."""
    named = [node for node in store.nodes() if node.name == name]
    return _sessions_of(store, named) if named else None


def _sessions_of(store: Store, named: list[Node]) -> Pieces:
    found: dict[JobName, dict[Node, Set[int]]] = {}
    for node in named:
        if node in store.nodes():
            for job, pids in store.jobs_of(node).items():
                found.setdefault(job, {})[node] = pids
        yield b""
    yield from _sessions(list(found), lambda job: found[job])


def _every_name(store: Store) -> list[JobName]:
    return [job for job, _ in all_jobs(store)]


def _jobs(store: Store, names: Iterable[JobName]) -> Pieces:
    count = 0
    yield b'{"jobs":['
    for job in (yield from _in_order(list(names))):
        if where := _who_has(store, job):
            yield b'%b{"name":%b,"sources":[' % (b"," if count else b"", _encode(str(job)))
            yield from _sources(where)
            yield b"]}"
            count += 1
    yield b'],"nb_jobs":%d}' % count


def _sessions(names: list[JobName], who_has: Callable[[JobName], Sources]) -> Pieces:
    count, last = 0, None
    yield b'{"sessions":['
    for job in (yield from _in_order(names)):
        if where := who_has(job):
            if job.session != last:
                before = b"]}}," if count else b""
                yield b'%b{"sessionid":%b,"jobs":{' % (before, _encode(job.session))
                count, last = count + 1, job.session
            else:
                yield b"],"
            yield b"%b:[" % _encode(str(job))
            yield from _sources(where)
    yield b'%b],"nb_sessions":%d}' % (b"]}}" if count else b"", count)


def _in_order(names: list[JobName]) -> Generator[bytes, None, Iterator[JobName]]:
    """Some names in their order; to sort many takes long."""
    some = []
    for start in range(0, len(names), STEP):
        some.append(sorted(names[start : start + STEP]))
        yield b""
    return merge(*some)


def _sources(where: Sources) -> Pieces:
    # A node that goes meanwhile has them no longer.
    there = ((node, where[node]) for node in sorted(where, key=_place) if node in where)
    return _listed(_encode(_source(node, pids)) for node, pids in there)


def _listed(items: Pieces) -> Pieces:
    comma = b""
    for item in items:
        yield comma + item
        comma = b","


def _who_has(store: Store, job: JobName) -> Sources:
    jobs: Mapping[JobName, Sources] = store.sessions().get(job.session, {})
    return jobs.get(job, _NOBODY)


def _place(node: Node) -> tuple[str, str]:
    return node.name, node.origin


def _source(node: Node, pids: Set[int]) -> dict[str, Any]:
    return {"name": node.name, "pids": sorted(pids), "node_info": node.info}
