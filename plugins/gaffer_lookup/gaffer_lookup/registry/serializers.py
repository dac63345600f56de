"""Nodes, sessions and jobs as JSON.

A reply may be long, so it is made in chunks of JSON, each on demand and some of them empty, and the
sender can do other work in between. Nodes may change meanwhile: each job is serialized as it is
when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from heapq import merge
from typing import Any

import msgspec
from gaffer_kernel import JobName

from gaffer_lookup.registry.node import Node, Sources
from gaffer_lookup.registry.store import Store, iter_jobs

SORT_BATCH = 2000
"""Names that are sorted between two chunks."""

JsonChunks = Iterator[bytes]

_encode = msgspec.json.Encoder().encode
_NO_SOURCES: Sources = {}


def encode_change(event: str, node: Node, **what: Any) -> str:
    """Encode a change for observers: of a node, or of a job and its process."""
    fields = {"event": event, "node": node.info, **what} if what else {"event": event, **node.info}
    return _encode(fields).decode()


def encode_gap(dropped: int) -> str:
    """Encode the event for an observer that was too slow for some changes."""
    return _encode({"event": "gap", "dropped": dropped}).decode()


def nodes(store: Store) -> JsonChunks:
    """Serialize all nodes."""
    yield b'{"nodes":['
    yield from _comma_separated(_encode(node.info) for node in sorted(store.nodes(), key=_sort_key))
    yield b"]}"


def jobs(store: Store) -> JsonChunks:
    """Serialize all jobs and their sources."""
    return _jobs_json(store, _job_names(store))


def find_session(store: Store, session: str) -> JsonChunks:
    """Serialize the jobs of a session and their sources."""
    return _jobs_json(store, store.sessions().get(session, ()))


def find_job(store: Store, job: JobName) -> JsonChunks:
    """Serialize the sources of a job."""
    yield b'{"sources":['
    yield from _sources_json(_get_sources(store, job))
    yield b"]}"


def sessions(store: Store) -> JsonChunks:
    """Serialize all sessions, their jobs, and the sources of those."""
    return _sessions_json(_job_names(store), lambda job: _get_sources(store, job))


def node_sessions(store: Store, name: str) -> JsonChunks | None:
    """Serialize the sessions of the nodes with a name; None if there is no such node."""
    named = [node for node in store.nodes() if node.name == name]
    return _node_sessions_json(store, named) if named else None


def _node_sessions_json(store: Store, named: list[Node]) -> JsonChunks:
    found: dict[JobName, dict[Node, Set[int]]] = {}
    for node in named:
        if node in store.nodes():
            for job, pids in store.get_jobs(node).items():
                found.setdefault(job, {})[node] = pids
        yield b""
    yield from _sessions_json(list(found), lambda job: found[job])


def _job_names(store: Store) -> list[JobName]:
    return [job for job, _ in iter_jobs(store)]


def _jobs_json(store: Store, names: Iterable[JobName]) -> JsonChunks:
    count = 0
    yield b'{"jobs":['
    for job in (yield from _iter_sorted(list(names))):
        if sources := _get_sources(store, job):
            yield b'%b{"name":%b,"sources":[' % (b"," if count else b"", _encode(str(job)))
            yield from _sources_json(sources)
            yield b"]}"
            count += 1
    yield b'],"nb_jobs":%d}' % count


def _sessions_json(names: list[JobName], get_sources: Callable[[JobName], Sources]) -> JsonChunks:
    count, last = 0, None
    yield b'{"sessions":['
    for job in (yield from _iter_sorted(names)):
        if sources := get_sources(job):
            if job.session != last:
                before = b"]}}," if count else b""
                yield b'%b{"sessionid":%b,"jobs":{' % (before, _encode(job.session))
                count, last = count + 1, job.session
            else:
                yield b"],"
            yield b"%b:[" % _encode(str(job))
            yield from _sources_json(sources)
    yield b'%b],"nb_sessions":%d}' % (b"]}}" if count else b"", count)


def _iter_sorted(names: list[JobName]) -> Generator[bytes, None, Iterator[JobName]]:
    """Sort names, with an empty chunk after each batch because sorting many takes long."""
    batches = []
    for start in range(0, len(names), SORT_BATCH):
        batches.append(sorted(names[start : start + SORT_BATCH]))
        yield b""
    return merge(*batches)


def _sources_json(sources: Sources) -> JsonChunks:
    # A node that is removed while these chunks are sent has the job no longer.
    there = ((node, sources[node]) for node in sorted(sources, key=_sort_key) if node in sources)
    return _comma_separated(_encode(_source_dict(node, pids)) for node, pids in there)


def _comma_separated(items: JsonChunks) -> JsonChunks:
    comma = b""
    for item in items:
        yield comma + item
        comma = b","


def _get_sources(store: Store, job: JobName) -> Sources:
    jobs: Mapping[JobName, Sources] = store.sessions().get(job.session, {})
    return jobs.get(job, _NO_SOURCES)


def _sort_key(node: Node) -> tuple[str, str]:
    return node.name, node.origin


def _source_dict(node: Node, pids: Set[int]) -> dict[str, Any]:
    return {"name": node.name, "pids": sorted(pids), "node_info": node.info}
