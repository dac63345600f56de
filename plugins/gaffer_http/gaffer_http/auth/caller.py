"""Callers: what is known of the client that sends a request, and its permissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gaffer_http.serve.peer import Peer

Right = Literal["read", "write", "manage"]
"""A permission. `read` shows jobs and processes; `write` also writes to the input of processes;
`manage` allows everything. Each includes the one before."""

Certificate = Mapping[str, Any]
"""A certificate that was checked, as `ssl.SSLSocket.getpeercert` describes it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials that a client sends to identify itself.

    Attributes:
        peer: the other end of the connection.
        token: the secret of the request: `Authorization: Bearer`, `X-Api-Key` or, on a websocket,
            the subprotocol `bearer.TOKEN`.
        certificate: of the client, checked against the endpoint's `client_ca`.
    """

    peer: Peer
    token: str | None = field(default=None, repr=False)
    certificate: Certificate | None = None


class Caller(Protocol):
    """An authenticated client, for the whole of one request or websocket."""

    @property
    def name(self) -> str:
        """The caller's name in the audit log: `user 0`, `token ci`."""

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return whether the caller has a permission.

        Args:
            right: which.
            session: where; None for every session, also those created later.
        """

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Return a context manager that cancels its block when permissions are revoked.

        It is entered around each request and each websocket of the caller.
        """


@dataclass(frozen=True, slots=True)
class Owner:
    """A program of gafferd's own user or of root: it has every permission."""

    peer: Peer

    @property
    def name(self) -> str:
        """The user and, where it is known, the process."""
        pid = f" (process {self.peer.pid})" if self.peer.pid else ""
        return f"{self.peer}{pid}"

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return True."""
        return True

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Return one that never cancels: the owner's permissions cannot be revoked."""
        return nullcontext()


def identity(caller: Caller) -> str:
    """Return a name that is the same for each process and each request of a caller."""
    return str(caller.peer) if isinstance(caller, Owner) else caller.name


Authenticate = Callable[[Credentials], Caller | None]
"""Returns the caller that a token or certificate belongs to; None if it is unknown."""
