"""Who is calling, and what he may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gaffer_http.serve.peer import Peer

Right = Literal["read", "write", "manage"]
"""To look; to look and to write what processes read; everything. Each holds the one before."""

Certificate = Mapping[str, Any]
"""A certificate that was checked, as `ssl.SSLSocket.getpeercert` describes it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is known of a caller before anybody has said who it is.

    Attributes:
        peer: the other end of the connection.
        token: the secret that the request brought: `Authorization: Bearer`, `X-Api-Key` or, on a
            websocket, the subprotocol `bearer.TOKEN`.
        certificate: of the client, checked against the endpoint's `client_ca`.
    """

    peer: Peer
    token: str | None = field(default=None, repr=False)
    certificate: Certificate | None = None


class Caller(Protocol):
    """Somebody who may call; for the whole of one request or websocket."""

    @property
    def name(self) -> str:
        """What people know him by, for the audit log: `user 0`, `token ci`."""

    def may(self, right: Right, session: str | None = None) -> bool:
        """Whether he has a right in a session; in every session, also those to come, with None."""

    def admitted(self) -> AbstractContextManager[object]:
        """Entered around what he asks for, which is cancelled should he lose his rights."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A program of the user who runs the API, or of root: it may do everything."""

    peer: Peer

    @property
    def name(self) -> str:
        """The user and, where it is known, the process."""
        pid = f" (process {self.peer.pid})" if self.peer.pid else ""
        return f"{self.peer}{pid}"

    def may(self, right: Right, session: str | None = None) -> bool:
        """Yes."""
        return True

    def admitted(self) -> AbstractContextManager[object]:
        """For ever."""
        return nullcontext()


def identity(caller: Caller) -> str:
    """Somebody in words that are the same each time he calls, from whichever process."""
    return str(caller.peer) if isinstance(caller, Owner) else caller.name


Authenticate = Callable[[Credentials], Caller | None]
"""Says who shows a token or a certificate; None when they mean nothing."""
