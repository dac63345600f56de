"""An authenticated caller."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gaffer_auth.entries import Entry, Right, get_kind

if TYPE_CHECKING:
    from gaffer_auth.revocation import Revocation


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of one request or websocket; its permissions do not change in the meantime.

    Attributes:
        entry: the entry of the token or certificate.
        until: when the token or certificate expires; None for never.
        revocation: cancels the requests of the caller at a revocation.
    """

    entry: Entry
    until: datetime | None
    revocation: Revocation

    @property
    def name(self) -> str:
        """`token ci`, `certificate ops`."""
        return f"{get_kind(self.entry)} {self.entry.name}"

    @property
    def node(self) -> str:
        """The name of the only node that this caller may register with a lookupd."""
        return self.entry.registered_node

    @property
    def node_origin(self) -> str | None:
        """The only origin that this node may have; None for any."""
        return self.entry.origin

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return whether the caller has a permission in a session; with None, in all sessions.

        All sessions include those that do not exist yet.
        """
        return self.entry.may(right, session)

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Return a context manager that is cancelled when the permissions are revoked."""
        return self.revocation.scope(self)
