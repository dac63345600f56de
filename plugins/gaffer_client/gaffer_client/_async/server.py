"""One gafferd, for tasks of trio."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self

from gaffer_client import address, routes
from gaffer_client._async.feeds import AsyncEvents
from gaffer_client._async.job import AsyncJob
from gaffer_client._async.process import AsyncProcess
from gaffer_client._async.session import AsyncSession
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT
from gaffer_client.feeds.events import HEARTBEAT, EventFeed, OnLost
from gaffer_client.models import JobStats, NamedStatus, PageKey, PluginInfo, Site, Version
from gaffer_client.names import JobName
from gaffer_client.routes import Wait
from gaffer_client.settings import TIMEOUT, Settings

if TYPE_CHECKING:
    from gaffer_client.channel.channel import Channel


class AsyncServer:
    """A gafferd and its API. Nothing is sent until something is asked. Tasks may share it.

    Every method raises a ClientError: UnreachableError and ConnectionLostError about the
    connection, a ResponseError such as NotFoundError when gaffer refuses, NotGafferError when it is
    not gaffer.

    What takes `wait` is done as soon as it is recorded; with it the method returns when it has come
    true, and raises NotSettledError after so many seconds, 600 at the most.

    Args:
        url: `http://host:port`, `https://host:port` or `unix:/path`.
        token: who is calling, if that takes more than being gafferd's user on its machine.
        timeout: seconds to connect, and again for each answer.
        verify: whether the certificate of the server is checked.
        ca_file: certificates to check it against, in place of the system's.
        certificate: the caller's own: a file with certificate and key, or the two files.

    Raises:
        ArgumentError: one of these means nothing.
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
        """Return if gaffer answers."""
        await self._transport.ask(routes.ping())

    async def version(self) -> Version:
        """Which gaffer answers."""
        return await self._transport.ask(routes.version())

    async def sessions(self) -> list[str]:
        """The sessions that have jobs."""
        return await self._transport.ask(routes.sessions())

    async def jobs(self) -> list[str]:
        """The names of all jobs."""
        return await self._transport.ask(routes.jobs())

    async def status(self) -> list[NamedStatus]:
        """Whether each job does what is wanted of it, and if not, why."""
        return await self._transport.ask(routes.all_status())

    async def pids(self) -> list[int]:
        """The pids of all processes."""
        return await self._transport.ask(routes.pids())

    async def stats(self) -> list[JobStats]:
        """Processor and memory of every process of every job; takes gaffer-stats."""
        return await self._transport.ask(routes.all_stats())

    async def plugins(self) -> list[PluginInfo]:
        """What is known of every plugin, in the order in which they open."""
        return await self._transport.ask(routes.plugins())

    async def open_plugin(self, name: str) -> PluginInfo:
        """Open a plugin, and first those that it requires; how it is then.

        Raises:
            ConflictError: it cannot be opened; the reason says why.
        """
        return await self._transport.ask(routes.change_plugin(name, "open"))

    async def close_plugin(self, name: str) -> PluginInfo:
        """Close a plugin, and first those that require it; how it is then.

        Raises:
            ConflictError: the API could not answer without it.
        """
        return await self._transport.ask(routes.change_plugin(name, "close"))

    async def reload_plugin(self, name: str) -> PluginInfo:
        """Close a plugin and open it again, with new code if it is in a folder; how it is then.

        Raises:
            ConflictError: it cannot be; what ran runs on.
        """
        return await self._transport.ask(routes.change_plugin(name, "reload"))

    async def rescan_plugins(self) -> list[PluginInfo]:
        """Take up all that has changed in the folders of plugins; how all plugins are then.

        Raises:
            ConflictError: something cannot be; then nothing has changed.
        """
        return await self._transport.ask(routes.rescan_plugins())

    async def page_key(self, origin: str | None = None) -> PageKey:
        """Ask for a page key, which signs a browser in; only as the owner and without a token.

        Args:
            origin: where the browser will open the API; gafferd chooses if not given.

        Raises:
            ForbiddenError: the caller is not the owner.
            ConflictError: gafferd listens on no address that a browser can open.
        """
        return await self._transport.ask(routes.new_page_key(origin))

    async def revoke_page_keys(self) -> None:
        """Sign all browsers out.

        Raises:
            ForbiddenError: the caller is not the owner.
        """
        await self._transport.ask(routes.revoke_page_keys())

    async def sites(self) -> list[Site]:
        """List the sites of plugins; takes gaffer-sites."""
        return await self._transport.ask(routes.sites())

    def session(self, name: str) -> AsyncSession:
        """A session, by its name; whether there is one is not asked."""
        return AsyncSession(self._transport, name)

    def job(self, name: str, session: str | None = None) -> AsyncJob:
        """A job, by `name` or `session.name`; whether there is one is not asked."""
        return AsyncJob(self._transport, JobName.parse(name, session))

    def process(self, pid: int) -> AsyncProcess:
        """A process, by gaffer's number; whether there is one is not asked."""
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
            session: of a bare name; `default` if not given.
            start: whether it starts at once.
            wait: seconds until it has come true; None to wait for nothing.
            fields: the other fields of a job, such as `numprocesses` and `env`.

        Raises:
            ConflictError: there is one of that name.
            InvalidValueError: a field is wrong, or unknown.
        """
        named = JobName.parse(name, session)
        config = {**fields, "name": named.name, "cmd": cmd, "start": start}
        await self._transport.ask(routes.load(config, named.session, wait))
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
        """Events as they happen, to loop over in an `async with` block; subscribed from there.

        A lost connection is made again, and the events meanwhile are told. Those that cannot be any
        more are told as an event `gap`.

        Args:
            pattern: `spawn`, `proc.web`, `proc.web.exit`; all events if empty.
            since: the number of the last one already seen; what has happened since comes first.
            heartbeat: seconds of silence after which gafferd says that it is there; twice as many
                and a bit without a word and the connection counts as lost.
            reconnect_timeout: seconds of trying to connect again; then the last error is raised.
            on_lost: called with the reason when a connection is lost, once until it is there again.
        """
        feed = EventFeed(self.url, pattern, since, heartbeat, reconnect_timeout, on_lost)
        return AsyncEvents(self._transport, feed)

    def channel(
        self, *, heartbeat: float = HEARTBEAT, reconnect_timeout: float = RECONNECT_TIMEOUT
    ) -> AbstractAsyncContextManager[Channel]:
        """Many things over one websocket, for the duration of an `async with` block.

        Args:
            heartbeat: seconds of silence after which gafferd is asked whether it is there; as many
                again without a word and the connection counts as lost.
            reconnect_timeout: seconds of trying to connect again; then the last error is raised.
        """
        from gaffer_client.channel.channel import open_channel

        return open_channel(self._transport, heartbeat, reconnect_timeout)

    async def aclose(self) -> None:
        """Close all connections. Leaving it as a context manager does so, too."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
