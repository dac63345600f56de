"""All jobs of a session."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.names import check_part
from gaffer_client.routes import Wait


class AsyncSession:
    """All jobs of a session. AsyncServer describes the exceptions and the argument `wait`.

    Attributes:
        name: the name of the session.
    """

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        self.name = check_part(name)
        self._transport = transport

    async def jobs(self) -> list[str]:
        """List the names of its jobs."""
        return await self._transport.send(routes.jobs(self.name))

    async def start(self, wait: Wait = None) -> bool:
        """Start all its jobs."""
        return await self._transport.send(routes.change_session(self.name, "start", wait))

    async def stop(self, wait: Wait = None) -> bool:
        """Stop all its jobs."""
        return await self._transport.send(routes.change_session(self.name, "stop", wait))

    async def restart(self, wait: Wait = None) -> bool:
        """Replace all processes of its jobs: start the new ones, then stop the old ones."""
        return await self._transport.send(routes.change_session(self.name, "restart", wait))

    async def unload(self, wait: Wait = None) -> bool:
        """Stop all its jobs and remove them."""
        return await self._transport.send(routes.unload_session(self.name, wait))
