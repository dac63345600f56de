"""What several lookupds answer, united: each of them may know what the others do not yet."""

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
    """What those lookupds say together that answered.

    Attributes:
        value: what they say.
        failed: why the others did not answer, by their addresses.
    """

    value: T
    failed: Mapping[str, ClientError] = field(default_factory=dict)


def node_options(lookupd: Settings, node: Node) -> dict[str, Any]:
    """The arguments for the Server of a node, made from the settings of a lookupd.

    Raises:
        ArgumentError: its origin is none, or a token would be sent over http.
    """
    return {
        "url": check_origin(node.origin),
        "token": lookupd.token and node_token(lookupd.token, node.origin),
        "timeout": lookupd.timeout,
        "verify": lookupd.verify,
        "ca_file": lookupd.ca_file,
        "certificate": lookupd.certificate,
    }


def connections(
    urls: str | Iterable[str],
    token: str | None,
    timeout: float,
    verify: bool,
    ca_file: str | None,
    certificate: str | tuple[str, str] | None,
) -> list[Settings]:
    """How each lookupd is spoken to.

    Raises:
        ArgumentError: one of the arguments means nothing, there is no address, or a token would be
            sent over http.
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
    """The answers of several lookupds to one question, as they come.

    Args:
        lookupds: those that are asked.
    """

    def __init__(self, lookupds: Iterable[Settings]) -> None:
        self._addresses = [each.address.text for each in lookupds]
        self._answers: dict[str, list[T]] = {}
        self._failed: dict[str, ClientError] = {}

    def answered(self, address: str, answer: list[T]) -> None:
        """A lookupd has answered."""
        self._answers[address] = answer

    def failed(self, address: str, error: ClientError) -> None:
        """A lookupd has not; one that knows no such node has nothing to say."""
        if isinstance(error, NotFoundError) and error.error == "not_found":
            self._answers[address] = []
        else:
            self._failed[address] = error

    def united(self, unite: Callable[[Iterable[T]], U]) -> LookupResult[U]:
        """All of it together.

        Raises:
            NoLookupdError: nobody has answered.
            ArgumentError: an argument means nothing.
        """
        for error in self._failed.values():
            if isinstance(error, ArgumentError):
                raise error
        if not self._answers:
            raise NoLookupdError(self._failed)
        # In the order of the addresses, not in that of the answers.
        answered = [each for each in self._addresses if each in self._answers]
        items = [item for address in answered for item in self._answers[address]]
        return LookupResult(unite(items), self._failed)


def unite_nodes(nodes: Iterable[Node]) -> list[Node]:
    """Each node once: one is the same as another of its name and origin."""
    return list({(node.name, node.origin): node for node in nodes}.values())


def unite_sources(sources: Iterable[Source]) -> list[Source]:
    """Each node once, with all its pids."""
    nodes: dict[tuple[str, str], Node] = {}
    pids: dict[tuple[str, str], set[int]] = {}
    for source in sources:
        key = (source.node_info.name, source.node_info.origin)
        nodes[key] = source.node_info
        pids.setdefault(key, set()).update(source.pids)
    return [Source(node.name, sorted(pids[key]), node) for key, node in nodes.items()]


def unite_jobs(jobs: Iterable[LookupJob]) -> list[LookupJob]:
    """Each job once, with all who have it."""
    sources: dict[str, list[Source]] = {}
    for job in jobs:
        sources.setdefault(job.name, []).extend(job.sources)
    return [LookupJob(name, unite_sources(found)) for name, found in sources.items()]


def unite_sessions(sessions: Iterable[LookupSession]) -> list[LookupSession]:
    """Each session once, with all its jobs."""
    jobs: dict[str, dict[str, list[Source]]] = {}
    for session in sessions:
        found = jobs.setdefault(session.sessionid, {})
        for name, sources in session.jobs.items():
            found.setdefault(name, []).extend(sources)
    return [
        LookupSession(name, {job: unite_sources(sources) for job, sources in found.items()})
        for name, found in jobs.items()
    ]
