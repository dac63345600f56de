"""Queries to several lookupds: the responses merged, because one may know what others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError, ClientError, NoLookupdError, NotFoundError
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.node_tokens import check_origin, node_token
from gaffer_client.settings import Settings

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class LookupResult(Generic[T]):
    """The merged responses of the lookupds that answered.

    Attributes:
        value: the merged responses.
        failed: the errors of the other lookupds, by address.
    """

    value: T
    failed: Mapping[str, ClientError] = field(default_factory=dict)


def make_server_options(lookupd: Settings, node: Node) -> dict[str, Any]:
    """Return the arguments for the Server of a node, from the settings of a lookupd.

    Raises:
        ArgumentError: the origin is invalid, or a token would be sent over http.
    """
    return {
        "url": check_origin(node.origin),
        "token": lookupd.token and node_token(lookupd.token, node.origin),
        "timeout": lookupd.timeout,
        "verify": lookupd.verify,
        "ca_file": lookupd.ca_file,
        "certificate": lookupd.certificate,
    }


def make_settings(
    urls: str | Iterable[str],
    token: str | None,
    timeout: float,
    verify: bool,
    ca_file: str | None,
    certificate: str | tuple[str, str] | None,
) -> list[Settings]:
    """Create the connection settings of each lookupd.

    Raises:
        ArgumentError: an argument is invalid, there is no address, or a token would be sent over
            http.
    """
    texts = [urls] if isinstance(urls, str) else list(dict.fromkeys(urls))
    if not texts:
        raise ArgumentError("give the address of a lookupd")
    addresses = [Address.parse(text) for text in texts]
    if token is not None:
        for address in addresses:
            if not address.secure and address.socket is None:
                raise ArgumentError(
                    f"{address.text}: a token is sent over https or a unix socket only: use one of"
                    " them, or ask without a token"
                )
    return [
        Settings(
            address=address,
            token=token,
            timeout=timeout,
            verify=verify,
            ca_file=ca_file,
            certificate=certificate,
        )
        for address in addresses
    ]


class MergedResponses(Generic[T]):
    """Collects the responses of several lookupds to one query.

    Args:
        lookupds: the lookupds that are queried.
    """

    def __init__(self, lookupds: Iterable[Settings]) -> None:
        self._addresses = [each.address.text for each in lookupds]
        self._results: dict[str, list[T]] = {}
        self._failed: dict[str, ClientError] = {}

    def add(self, address: str, result: list[T]) -> None:
        """Add the result of a lookupd."""
        self._results[address] = result

    def add_error(self, address: str, error: ClientError) -> None:
        """Add the error of a lookupd. `not_found` counts as an empty result."""
        if isinstance(error, NotFoundError) and error.error == "not_found":
            self._results[address] = []
        else:
            self._failed[address] = error

    def merge(self, merge: Callable[[Iterable[T]], U]) -> LookupResult[U]:
        """Merge all results.

        Raises:
            NoLookupdError: there is no result.
            ArgumentError: an argument of the query is invalid.
        """
        for error in self._failed.values():
            if isinstance(error, ArgumentError):
                raise error
        if not self._results:
            raise NoLookupdError(self._failed)
        # In the order of the addresses, not of the responses, so that the result is stable.
        found = [each for each in self._addresses if each in self._results]
        items = [item for address in found for item in self._results[address]]
        return LookupResult(merge(items), self._failed)


def merge_nodes(nodes: Iterable[Node]) -> list[Node]:
    """List each node once. Nodes are equal if name and origin are."""
    return list({(node.name, node.origin): node for node in nodes}.values())


def merge_sources(sources: Iterable[Source]) -> list[Source]:
    """List each node once, with all its pids."""
    nodes: dict[tuple[str, str], Node] = {}
    pids: dict[tuple[str, str], set[int]] = {}
    for source in sources:
        key = (source.node_info.name, source.node_info.origin)
        nodes[key] = source.node_info
        pids.setdefault(key, set()).update(source.pids)
    return [Source(node.name, sorted(pids[key]), node) for key, node in nodes.items()]


def merge_jobs(jobs: Iterable[LookupJob]) -> list[LookupJob]:
    """List each job once, with all its nodes."""
    sources: dict[str, list[Source]] = {}
    for job in jobs:
        sources.setdefault(job.name, []).extend(job.sources)
    return [LookupJob(name, merge_sources(found)) for name, found in sources.items()]


def merge_sessions(sessions: Iterable[LookupSession]) -> list[LookupSession]:
    """List each session once, with all its jobs."""
    jobs: dict[str, dict[str, list[Source]]] = {}
    for session in sessions:
        found = jobs.setdefault(session.sessionid, {})
        for name, sources in session.jobs.items():
            found.setdefault(name, []).extend(sources)
    return [
        LookupSession(name, {job: merge_sources(sources) for job, sources in found.items()})
        for name, found in jobs.items()
    ]
