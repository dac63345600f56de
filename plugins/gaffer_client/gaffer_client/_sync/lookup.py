"""Several lookupds, spoken to by a program that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self, TypeVar

from gaffer_client import lookupd
from gaffer_client._sync.server import Server
from gaffer_client._sync.transport import Transport
from gaffer_client.errors import ClientError
from gaffer_client.lookup import (
    LookupResult,
    MergedResponses,
    connections,
    node_options,
    unite_jobs,
    unite_nodes,
    unite_sessions,
    unite_sources,
)
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.names import JobName
from gaffer_client.requests import Request
from gaffer_client.settings import TIMEOUT

T = TypeVar("T")
U = TypeVar("U")


class Lookup:
    """Several lookupds: which gafferd runs what, and where. Threads may share it.

    Each question goes to all of them at once, and what they say is united: a node or a process is
    there if one of them says so. Whoever does not answer is in `failed` of what is found; only if
    nobody answers is it an error, NoLookupdError.

    Args:
        urls: `http://host:port`, `https://host:port` or `unix:/path` of each, or of the only one.
        token: who is calling, if that takes more than being lookupd's user on its machine. It is
            sent to lookupds only, over https or a unix socket.
        timeout: seconds to connect, and again for each answer.
        verify: whether their certificates are checked.
        ca_file: certificates to check them against, in place of the system's.
        certificate: the caller's own: a file with certificate and key, or the two files.

    Raises:
        ArgumentError: one of these means nothing.
    """

    def __init__(
        self,
        urls: str | Iterable[str],
        *,
        token: str | None = None,
        timeout: float = TIMEOUT,
        verify: bool = True,
        ca_file: str | None = None,
        certificate: str | tuple[str, str] | None = None,
    ) -> None:
        settings = connections(urls, token, timeout, verify, ca_file, certificate)
        self._transports = [Transport(each) for each in settings]

    def nodes(self) -> LookupResult[list[Node]]:
        """All nodes."""
        return self._ask(lookupd.nodes(), unite_nodes)

    def sessions(self, node: str | None = None) -> LookupResult[list[LookupSession]]:
        """All sessions with their jobs, or those of the nodes of a name."""
        return self._ask(lookupd.sessions(node), unite_sessions)

    def jobs(self) -> LookupResult[list[LookupJob]]:
        """All jobs, and who has them."""
        return self._ask(lookupd.jobs(), unite_jobs)

    def find_job(self, name: str, session: str | None = None) -> LookupResult[list[Source]]:
        """Who has a job, by `name` or `session.name`; an empty list if nobody has."""
        return self._ask(lookupd.find_job(JobName.parse(name, session)), unite_sources)

    def find_session(self, session: str) -> LookupResult[list[LookupJob]]:
        """The jobs of a session, and who has them."""
        return self._ask(lookupd.find_session(session), unite_jobs)

    def _ask(self, request: Request[list[T]], unite: Callable[[Iterable[T]], U]) -> LookupResult[U]:
        from concurrent.futures import ThreadPoolExecutor

        replies: MergedResponses[T] = MergedResponses(each.settings for each in self._transports)

        def ask(transport: Transport) -> None:
            address = transport.settings.address.text
            try:
                replies.answered(address, transport.ask(request))
            except ClientError as error:
                replies.failed(address, error)

        with ThreadPoolExecutor(len(self._transports)) as threads:
            # What is raised besides is a bug, or an option that means nothing: not lost.
            list(threads.map(ask, self._transports))
        return replies.united(unite)

    def server(self, node: Node) -> Server:
        """The gafferd of a node, to be closed; with the timeout and certificates given here.

        It is sent a token that is derived for its origin, see `node_token`, never the caller's own.

        Raises:
            ArgumentError: its origin is none, or there is a token and the origin is one of http.
        """
        return Server(**node_options(self._transports[0].settings, node))

    def close(self) -> None:
        """Close all connections. Leaving it as a context manager does so, too."""
        for transport in self._transports:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
