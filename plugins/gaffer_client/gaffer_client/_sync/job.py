"""A job: what is to run, and how many of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaffer_client import routes
from gaffer_client._sync.process import Process
from gaffer_client._sync.transport import Transport
from gaffer_client.models import JobInfo, JobStats, Status
from gaffer_client.names import JobName
from gaffer_client.routes import Wait


class Job:
    """A job, by its name. See Server for what is raised, and for `wait`.

    Attributes:
        name: its session and name; `str()` of it is as it is shown.
    """

    def __init__(self, transport: Transport, name: JobName) -> None:
        self.name = name
        self._transport = transport

    def info(self) -> JobInfo:
        """What runs of it, and its configuration."""
        return self._transport.ask(routes.job_info(self.name))

    def status(self) -> Status:
        """Whether it does what is wanted of it, and if not, why."""
        return self._transport.ask(routes.job_status(self.name))

    def stats(self) -> JobStats:
        """Processor and memory of its processes; takes gaffer-stats."""
        return self._transport.ask(routes.job_stats(self.name))

    def pids(self) -> list[int]:
        """The pids of its processes."""
        return self._transport.ask(routes.job_pids(self.name))

    def processes(self) -> list[Process]:
        """Its processes."""
        return [Process(self._transport, pid) for pid in self.pids()]

    def start(self, wait: Wait = None) -> None:
        """Start it."""
        self._transport.ask(routes.change_state(self.name, "start", wait))

    def stop(self, wait: Wait = None) -> None:
        """Stop it, all its processes; how many are wanted is kept for the next start."""
        self._transport.ask(routes.change_state(self.name, "stop", wait))

    def restart(self, wait: Wait = None) -> None:
        """Replace all its processes, the new ones first."""
        self._transport.ask(routes.change_state(self.name, "restart", wait))

    def reload(self, wait: Wait = None) -> None:
        """End all its processes and start as many as its configuration says."""
        self._transport.ask(routes.change_state(self.name, "reload", wait))

    def scale(self, change: int | str, wait: Wait = None) -> int:
        """Change how many processes are wanted.

        Args:
            change: a number to add, or `"+2"`, `"-1"`, `"=3"`.
            wait: see Server.

        Returns:
            How many are wanted now.
        """
        return self._transport.ask(routes.scale(self.name, change, wait))

    def add(self, count: int = 1, wait: Wait = None) -> int:
        """Want so many processes more; how many are wanted now."""
        return self.scale(count, wait)

    def sub(self, count: int = 1, wait: Wait = None) -> int:
        """Want so many processes less; how many are wanted now."""
        return self.scale(-count, wait)

    def commit(
        self,
        env: Mapping[str, str] | None = None,
        graceful_timeout: float | None = None,
        wait: Wait = None,
    ) -> Process:
        """Start one process more, once: it is not counted and not kept alive.

        Args:
            env: variables for it, beside the job's.
            graceful_timeout: seconds between TERM and KILL when it is stopped.
            wait: see Server.
        """
        pid = self._transport.ask(routes.commit(self.name, env, graceful_timeout, wait))
        return Process(self._transport, pid)

    def signal(self, signal: int | str) -> None:
        """Send a signal, a number or a name such as `HUP`, to all its processes."""
        self._transport.ask(routes.signal_job(self.name, signal))

    def update(self, wait: Wait = None, **fields: Any) -> None:
        """Replace its configuration by other fields, and all its processes.

        Args:
            wait: see Server.
            fields: of the job, `cmd` among them; `start=True` also starts it.
        """
        self._transport.ask(routes.update(self.name, fields, wait))

    def unload(self, wait: Wait = None) -> None:
        """Stop it and remove it."""
        self._transport.ask(routes.unload(self.name, wait))
