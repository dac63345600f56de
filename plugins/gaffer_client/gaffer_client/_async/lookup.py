"""Several lookupds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self, TypeVar

from gaffer_client import lookupd
from gaffer_client._async.base import send_to_all
from gaffer_client._async.server import AsyncServer
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.lookup import (
    LookupResult,
    MergedResponses,
    make_server_options,
    make_settings,
    merge_jobs,
    merge_nodes,
    merge_sessions,
    merge_sources,
)
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.names import JobName
from gaffer_client.requests import Request
from gaffer_client.settings import TIMEOUT

T = TypeVar("T")
U = TypeVar("U")


class AsyncLookup:
    """Several lookupds: which gafferd runs which jobs, and its URL. Trio tasks may share it.

    Each query is sent to all lookupds at once, and the responses are merged: a node or a process
    is in the result if one lookupd reports it. The errors of lookupds that do not answer are in
    `failed` of the result; if none answers, the query raises NoLookupdError.

    Args:
        urls: `http://host:port`, `https://host:port` or `unix:/path` of each lookupd, or of one.
        token: the caller's token, which is needed unless the caller is the user of lookupd on its
            machine. It is sent to lookupds only, over https or a unix socket.
        timeout: seconds to connect, and again for each response.
        verify: whether the certificates of the lookupds are checked.
        ca_file: certificates to check them against, instead of those of the system.
        certificate: the caller's own: a file with certificate and key, or two files.

    Raises:
        ArgumentError: an argument is invalid.
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
        settings = make_settings(urls, token, timeout, verify, ca_file, certificate)
        self._transports = [AsyncTransport(each) for each in settings]

    async def nodes(self) -> LookupResult[list[Node]]:
        """List all nodes."""
        return await self._query(lookupd.nodes(), merge_nodes)

    async def sessions(self, node: str | None = None) -> LookupResult[list[LookupSession]]:
        """List all sessions with their jobs, or those of the nodes with a name."""
        return await self._query(lookupd.sessions(node), merge_sessions)

    async def jobs(self) -> LookupResult[list[LookupJob]]:
        """List all jobs, with their nodes."""
        return await self._query(lookupd.jobs(), merge_jobs)

    async def find_job(self, name: str, session: str | None = None) -> LookupResult[list[Source]]:
        """List the nodes that have a job, given as `name` or `session.name`."""
        return await self._query(lookupd.find_job(JobName.parse(name, session)), merge_sources)

    async def find_session(self, session: str) -> LookupResult[list[LookupJob]]:
        """List the jobs of a session, with their nodes."""
        return await self._query(lookupd.find_session(session), merge_jobs)

    async def _query(
        self, request: Request[list[T]], merge: Callable[[Iterable[T]], U]
    ) -> LookupResult[U]:
        responses: MergedResponses[T] = MergedResponses(each.settings for each in self._transports)
        await send_to_all(self._transports, request, responses)
        return responses.merge(merge)

    def server(self, node: Node) -> AsyncServer:
        """Return the gafferd of a node, with the timeout and certificates of this lookup.

        The caller closes it. It receives a token that is derived for its origin, see `node_token`,
        never the caller's own token.

        Raises:
            ArgumentError: the origin is invalid, or there is a token and the origin is http.
        """
        return AsyncServer(**make_server_options(self._transports[0].settings, node))

    async def aclose(self) -> None:
        """Close all connections. Leaving the context manager does so, too."""
        for transport in self._transports:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
