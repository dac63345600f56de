"""One gafferd, spoken to by a program that waits."""

from __future__ import annotations

from typing import Any, Self

from gaffer_client import address, routes
from gaffer_client._sync.feeds import Events
from gaffer_client._sync.job import Job
from gaffer_client._sync.process import Process
from gaffer_client._sync.session import Session
from gaffer_client._sync.transport import Transport
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT
from gaffer_client.feeds.events import HEARTBEAT, EventFeed, OnLost
from gaffer_client.models import JobStats, NamedStatus, PageKey, PluginInfo, Site, Version
from gaffer_client.names import JobName
from gaffer_client.routes import Wait
from gaffer_client.settings import TIMEOUT, Settings


class Server:
    """A gafferd and its API. Nothing is sent until something is asked. Threads may share it.

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
        self._transport = Transport(
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

    def ping(self) -> None:
        """Return if gaffer answers."""
        self._transport.ask(routes.ping())

    def version(self) -> Version:
        """Which gaffer answers."""
        return self._transport.ask(routes.version())

    def sessions(self) -> list[str]:
        """The sessions that have jobs."""
        return self._transport.ask(routes.sessions())

    def jobs(self) -> list[str]:
        """The names of all jobs."""
        return self._transport.ask(routes.jobs())

    def status(self) -> list[NamedStatus]:
        """Whether each job does what is wanted of it, and if not, why."""
        return self._transport.ask(routes.all_status())

    def pids(self) -> list[int]:
        """The pids of all processes."""
        return self._transport.ask(routes.pids())

    def stats(self) -> list[JobStats]:
        """Processor and memory of every process of every job; takes gaffer-stats."""
        return self._transport.ask(routes.all_stats())

    def plugins(self) -> list[PluginInfo]:
        """What is known of every plugin, in the order in which they open."""
        return self._transport.ask(routes.plugins())

    def open_plugin(self, name: str) -> PluginInfo:
        """Open a plugin, and first those that it requires; how it is then.

        Raises:
            ConflictError: it cannot be opened; the reason says why.
        """
        return self._transport.ask(routes.change_plugin(name, "open"))

    def close_plugin(self, name: str) -> PluginInfo:
        """Close a plugin, and first those that require it; how it is then.

        Raises:
            ConflictError: the API could not answer without it.
        """
        return self._transport.ask(routes.change_plugin(name, "close"))

    def reload_plugin(self, name: str) -> PluginInfo:
        """Close a plugin and open it again, with new code if it is in a folder; how it is then.

        Raises:
            ConflictError: it cannot be; what ran runs on.
        """
        return self._transport.ask(routes.change_plugin(name, "reload"))

    def rescan_plugins(self) -> list[PluginInfo]:
        """Take up all that has changed in the folders of plugins; how all plugins are then.

        Raises:
            ConflictError: something cannot be; then nothing has changed.
        """
        return self._transport.ask(routes.rescan_plugins())

    def page_key(self, origin: str | None = None) -> PageKey:
        """Ask for a page key, which signs a browser in; only as the owner and without a token.

        Args:
            origin: where the browser will open the API; gafferd chooses if not given.

        Raises:
            ForbiddenError: the caller is not the owner.
            ConflictError: gafferd listens on no address that a browser can open.
        """
        return self._transport.ask(routes.new_page_key(origin))

    def revoke_page_keys(self) -> None:
        """Sign all browsers out.

        Raises:
            ForbiddenError: the caller is not the owner.
        """
        self._transport.ask(routes.revoke_page_keys())

    def sites(self) -> list[Site]:
        """List the sites of plugins; takes gaffer-sites."""
        return self._transport.ask(routes.sites())

    def session(self, name: str) -> Session:
        """A session, by its name; whether there is one is not asked."""
        return Session(self._transport, name)

    def job(self, name: str, session: str | None = None) -> Job:
        """A job, by `name` or `session.name`; whether there is one is not asked."""
        return Job(self._transport, JobName.parse(name, session))

    def process(self, pid: int) -> Process:
        """A process, by gaffer's number; whether there is one is not asked."""
        return Process(self._transport, pid)

    def add_process(
        self,
        name: str,
        cmd: str,
        *,
        session: str | None = None,
        start: bool = True,
        wait: Wait = None,
        **fields: Any,
    ) -> Job:
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
        self._transport.ask(routes.load(config, named.session, wait))
        return Job(self._transport, named)

    def events(
        self,
        pattern: str = "",
        *,
        since: int | None = None,
        heartbeat: float = HEARTBEAT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
        on_lost: OnLost | None = None,
    ) -> Events:
        """Events as they happen, to loop over; subscribed when this returns.

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
        return Events(self._transport, feed)

    def close(self) -> None:
        """Close all connections. Leaving it as a context manager does so, too."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
