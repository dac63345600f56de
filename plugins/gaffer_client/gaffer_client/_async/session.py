"""A group of jobs."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.names import check_part
from gaffer_client.routes import Wait


class AsyncSession:
    """All jobs of a session. See AsyncServer for what is raised, and for `wait`.

    Attributes:
        name: of the session.
    """

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        self.name = check_part(name)
        self._transport = transport

    async def jobs(self) -> list[str]:
        """The names of its jobs."""
        return await self._transport.ask(routes.jobs(self.name))

    async def start(self, wait: Wait = None) -> None:
        """Start them all."""
        await self._transport.ask(routes.change_session(self.name, "start", wait))

    async def stop(self, wait: Wait = None) -> None:
        """Stop them all."""
        await self._transport.ask(routes.change_session(self.name, "stop", wait))

    async def restart(self, wait: Wait = None) -> None:
        """Replace all their processes, the new ones first."""
        await self._transport.ask(routes.change_session(self.name, "restart", wait))

    async def unload(self, wait: Wait = None) -> None:
        """Stop and remove them all."""
        await self._transport.ask(routes.unload_session(self.name, wait))
