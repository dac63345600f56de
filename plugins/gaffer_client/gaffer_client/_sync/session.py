"""A group of jobs."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._sync.transport import Transport
from gaffer_client.names import check_part
from gaffer_client.routes import Wait


class Session:
    """All jobs of a session. See Server for what is raised, and for `wait`.

    Attributes:
        name: of the session.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = check_part(name)
        self._transport = transport

    def jobs(self) -> list[str]:
        """The names of its jobs."""
        return self._transport.ask(routes.jobs(self.name))

    def start(self, wait: Wait = None) -> None:
        """Start them all."""
        self._transport.ask(routes.change_session(self.name, "start", wait))

    def stop(self, wait: Wait = None) -> None:
        """Stop them all."""
        self._transport.ask(routes.change_session(self.name, "stop", wait))

    def restart(self, wait: Wait = None) -> None:
        """Replace all their processes, the new ones first."""
        self._transport.ask(routes.change_session(self.name, "restart", wait))

    def unload(self, wait: Wait = None) -> None:
        """Stop and remove them all."""
        self._transport.ask(routes.unload_session(self.name, wait))
