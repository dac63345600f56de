"""One gafferd."""

from __future__ import annotations

from typing import Any, Self

from gaffer_client import address, routes
from gaffer_client._async.base import AsyncServerBase
from gaffer_client._async.feeds import AsyncEvents
from gaffer_client._async.job import AsyncJob
from gaffer_client._async.process import AsyncProcess
from gaffer_client._async.session import AsyncSession
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT
from gaffer_client.feeds.events import HEARTBEAT, EventFeed, OnLost
from gaffer_client.models import (
    JobChange,
    JobStats,
    NamedStatus,
    PageKey,
    PluginInfo,
    Site,
    Version,
)
from gaffer_client.names import JobName
from gaffer_client.routes import Wait
from gaffer_client.settings import TIMEOUT, Settings


class AsyncServer(AsyncServerBase):
    """The API of one gafferd. The first request connects. Trio tasks may share it.

    Every method that sends a request raises a ClientError: UnreachableError and ConnectionLostError
    for the connection, a ResponseError such as NotFoundError for an error response, NotGafferError
    if the server is not gaffer.

    Methods with an argument `wait` return when the request is recorded. With `wait` they return
    when it is completed, and raise NotSettledError after so many seconds; 600 is the maximum.
    Verbs without another result, such as the `start` of a job, return True.

    Args:
        url: `http://host:port`, `https://host:port` or `unix:/path`.
        token: the caller's token, which is needed unless the caller is the user of gafferd on its
            machine.
        timeout: seconds to connect, and again for each response.
        verify: whether the certificate of the server is checked.
        ca_file: certificates to check it against, instead of those of the system.
        certificate: the caller's own: a file with certificate and key, or two files.

    Raises:
        ArgumentError: an argument is invalid.
    """

    def __init__(
        self,
        url: str = address.DEFAULT,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT,
        verify: bool = True,
        ca_file: str | None = None,
        certificate: str | tuple[str, str] | None = None,
    ) -> None:
        self._transport = AsyncTransport(
            Settings(
                address=address.Address.parse(url),
                token=token,
                timeout=timeout,
                verify=verify,
                ca_file=ca_file,
                certificate=certificate,
            )
        )

    @property
    def url(self) -> str:
        """The address, as it was given."""
        return self._transport.settings.address.text

    async def ping(self) -> None:
        """Check that gaffer answers."""
        await self._transport.send(routes.ping())

    async def version(self) -> Version:
        """Get the version of gaffer."""
        return await self._transport.send(routes.version())

    async def sessions(self) -> list[str]:
        """List the sessions that have jobs."""
        return await self._transport.send(routes.sessions())

    async def jobs(self) -> list[str]:
        """List the names of all jobs."""
        return await self._transport.send(routes.jobs())

    async def status(self) -> list[NamedStatus]:
        """Get the status of all jobs, with the reason if one does not run as configured."""
        return await self._transport.send(routes.all_status())

    async def pids(self) -> list[int]:
        """List the pids of all processes."""
        return await self._transport.send(routes.pids())

    async def stats(self) -> list[JobStats]:
        """Get processor and memory of all processes of all jobs; requires gaffer-stats."""
        return await self._transport.send(routes.all_stats())

    async def plugins(self) -> list[PluginInfo]:
        """List all plugins, in the order in which they open."""
        return await self._transport.send(routes.plugins())

    async def open_plugin(self, name: str) -> PluginInfo:
        """Open a plugin, after those that it requires, and return its new state.

        Raises:
            ConflictError: it cannot be opened; the reason says why.
        """
        return await self._transport.send(routes.change_plugin(name, "open"))

    async def close_plugin(self, name: str) -> PluginInfo:
        """Close a plugin, after those that require it, and return its new state.

        Raises:
            ConflictError: the API itself needs the plugin.
        """
        return await self._transport.send(routes.change_plugin(name, "close"))

    async def reload_plugin(self, name: str) -> PluginInfo:
        """Close a plugin and open it again, a folder plugin with new code; return its new state.

        Raises:
            ConflictError: it cannot be reloaded; the old code goes on running.
        """
        return await self._transport.send(routes.change_plugin(name, "reload"))

    async def rescan_plugins(self) -> list[PluginInfo]:
        """Apply all changes in the plugin folders, and return the new state of all plugins.

        Raises:
            ConflictError: a change cannot be applied; then none is.
        """
        return await self._transport.send(routes.rescan_plugins())

    async def page_key(self, origin: str | None = None) -> PageKey:
        """Create a page key, which signs a browser in; only for the owner, without a token.

        Args:
            origin: the origin at which the browser will open the API; gafferd chooses if not given.

        Raises:
            ForbiddenError: the caller is not the owner.
            ConflictError: gafferd listens on no address that a browser can open.
        """
        return await self._transport.send(routes.new_page_key(origin))

    async def revoke_page_keys(self) -> None:
        """Sign all browsers out.

        Raises:
            ForbiddenError: the caller is not the owner.
        """
        await self._transport.send(routes.revoke_page_keys())

    async def sites(self) -> list[Site]:
        """List the sites of plugins; requires gaffer-sites."""
        return await self._transport.send(routes.sites())

    def session(self, name: str) -> AsyncSession:
        """Return a session by its name, without a request."""
        return AsyncSession(self._transport, name)

    def job(self, name: str, session: str | None = None) -> AsyncJob:
        """Return a job by `name` or `session.name`, without a request."""
        return AsyncJob(self._transport, JobName.parse(name, session))

    def process(self, pid: int) -> AsyncProcess:
        """Return a process by gaffer's pid, without a request."""
        return AsyncProcess(self._transport, pid)

    async def add_process(
        self,
        name: str,
        cmd: str,
        *,
        session: str | None = None,
        start: bool = True,
        wait: Wait = None,
        **fields: Any,
    ) -> AsyncJob:
        """Add a job.

        Args:
            name: `name`, or `session.name`.
            cmd: its command line.
            session: the session of a bare name; `default` if not given.
            start: whether to start it.
            wait: seconds until the request is completed; None not to wait.
            fields: the other fields of a job, such as `numprocesses` and `env`.

        Raises:
            ConflictError: a job with this name exists.
            InvalidValueError: a field is invalid, or unknown.
        """
        named = JobName.parse(name, session)
        config = {**fields, "name": named.name, "cmd": cmd, "start": start}
        await self._transport.send(routes.load(config, named.session, wait))
        return AsyncJob(self._transport, named)

    def events(
        self,
        pattern: str = "",
        *,
        since: int | None = None,
        heartbeat: float = HEARTBEAT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
        on_lost: OnLost | None = None,
    ) -> AsyncEvents:
        """Follow events: see AsyncEvents.

        A lost connection is made again, and missed events are sent then. An event `gap` stands for
        those that gafferd no longer has.

        Args:
            pattern: `spawn`, `proc.web`, `proc.web.exit`; all events if empty.
            since: the number of the last event already received; later ones are sent first.
            heartbeat: seconds between two heartbeats of gafferd; a little more than twice as long
                without data, and the connection counts as lost.
            reconnect_timeout: seconds without a connection after which the last error is raised.
            on_lost: called with the reason when a connection is lost, once for each loss.
        """
        feed = EventFeed(self.url, pattern, since, heartbeat, reconnect_timeout, on_lost)
        return AsyncEvents(self._transport, feed)

    async def plan(self, file: str | None = None) -> list[JobChange]:
        """List what `reload_configuration` would do to each job; change nothing.

        Args:
            file: the absolute path of another configuration file on the machine of gafferd.

        Raises:
            ForbiddenError: the caller may not manage every session.
            InvalidValueError: the file is wrong.
        """
        return await self._transport.send(routes.plan(file))

    async def reload_configuration(self, wait: Wait = None) -> list[JobChange]:
        """Apply the configuration file of gafferd, and list what was done to each job.

        Args:
            wait: see AsyncServer.

        Raises:
            ForbiddenError: the caller may not manage every session.
            InvalidValueError: the file is wrong; nothing has changed.
        """
        return await self._transport.send(routes.reload_configuration(wait))

    async def shutdown(self) -> None:
        """Stop all processes, then gafferd itself; return when this is recorded.

        Raises:
            ForbiddenError: the caller may not manage every session.
        """
        await self._transport.send(routes.shutdown())

    async def aclose(self) -> None:
        """Close all connections. Leaving the context manager does so, too."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
