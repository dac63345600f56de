"""A job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaffer_client import routes
from gaffer_client._async.process import AsyncProcess
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.models import JobInfo, JobStats, Status
from gaffer_client.names import JobName
from gaffer_client.routes import Wait


class AsyncJob:
    """A job. AsyncServer describes the exceptions and the argument `wait`.

    Attributes:
        name: its session and name; `str(name)` is the displayed name.
    """

    def __init__(self, transport: AsyncTransport, name: JobName) -> None:
        self.name = name
        self._transport = transport

    async def info(self) -> JobInfo:
        """Get the processes and the configuration of the job."""
        return await self._transport.send(routes.job_info(self.name))

    async def status(self) -> Status:
        """Get the status of the job, with the reason if it does not run as configured."""
        return await self._transport.send(routes.job_status(self.name))

    async def stats(self) -> JobStats:
        """Get processor and memory of its processes; requires gaffer-stats."""
        return await self._transport.send(routes.job_stats(self.name))

    async def pids(self) -> list[int]:
        """List the pids of its processes."""
        return await self._transport.send(routes.job_pids(self.name))

    async def processes(self) -> list[AsyncProcess]:
        """List its processes."""
        return [AsyncProcess(self._transport, pid) for pid in await self.pids()]

    async def start(self, wait: Wait = None) -> bool:
        """Start the job."""
        return await self._transport.send(routes.change_state(self.name, "start", wait))

    async def stop(self, wait: Wait = None) -> bool:
        """Stop all its processes; the number of instances is kept for the next start."""
        return await self._transport.send(routes.change_state(self.name, "stop", wait))

    async def restart(
        self, wait: Wait = None, *, rolling: bool = False, batch: int | str | None = None
    ) -> bool:
        """Replace all its processes: start the new ones, then stop the old ones.

        Args:
            wait: see AsyncServer. If a new process fails, the old ones run on, and with `wait`
                RestartFailedError says why.
            rolling: one instance at a time where the job replaces all at once.
            batch: how many instances at a time: a number, or a part such as `"25%"`.
        """
        return await self._transport.send(routes.restart(self.name, rolling, batch, wait))

    async def reload(self, wait: Wait = None) -> bool:
        """Stop all its processes, and start as many as its configuration says."""
        return await self._transport.send(routes.change_state(self.name, "reload", wait))

    async def scale(self, change: int | str, wait: Wait = None) -> int:
        """Change the number of instances.

        Args:
            change: a number to add, or `"+2"`, `"-1"`, `"=3"`.
            wait: see AsyncServer.

        Returns:
            The number of instances wanted now.
        """
        return await self._transport.send(routes.scale(self.name, change, wait))

    async def add(self, count: int = 1, wait: Wait = None) -> int:
        """Increase the number of instances, and return it."""
        return await self.scale(count, wait)

    async def sub(self, count: int = 1, wait: Wait = None) -> int:
        """Decrease the number of instances, and return it."""
        return await self.scale(-count, wait)

    async def commit(
        self,
        env: Mapping[str, str] | None = None,
        graceful_timeout: float | None = None,
        wait: Wait = None,
    ) -> AsyncProcess:
        """Start a one-off process: it is not counted as an instance and not kept alive.

        Args:
            env: additional variables for the process.
            graceful_timeout: seconds between SIGTERM and SIGKILL when it is stopped.
            wait: see AsyncServer.
        """
        pid = await self._transport.send(routes.commit(self.name, env, graceful_timeout, wait))
        return AsyncProcess(self._transport, pid)

    async def signal(self, signal: int | str) -> bool:
        """Send a signal, a number or a name such as `HUP`, to all its processes."""
        return await self._transport.send(routes.signal_job(self.name, signal))

    async def update(self, wait: Wait = None, **fields: Any) -> bool:
        """Replace its configuration, and all its processes.

        Args:
            wait: see AsyncServer.
            fields: the fields of the job, among them `cmd`; `start=True` also starts it.
        """
        return await self._transport.send(routes.update(self.name, fields, wait))

    async def unload(self, wait: Wait = None) -> bool:
        """Stop the job and remove it."""
        return await self._transport.send(routes.unload(self.name, wait))
