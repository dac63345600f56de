"""Somebody who has shown a token or a certificate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gaffer_auth.entries import Entry, Right, kind_of

if TYPE_CHECKING:
    from gaffer_auth.revocation import Admissions


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of one request or one websocket; what he may do does not change meanwhile.

    Attributes:
        entry: what he is known by.
        until: when what he has shown expires; None for never.
        admissions: where he is admitted.
    """

    entry: Entry
    until: datetime | None
    admissions: Admissions

    @property
    def name(self) -> str:
        """`token ci`, `certificate ops`."""
        return f"{kind_of(self.entry)} {self.entry.name}"

    @property
    def node(self) -> str:
        """The name of the only node that this caller may register with a lookupd."""
        return self.entry.registers

    @property
    def node_origin(self) -> str | None:
        """The only origin that node may have; None for any."""
        return self.entry.origin

    def may(self, right: Right, session: str | None = None) -> bool:
        """Whether he has a right in a session; in every session, also those to come, with None."""
        return self.entry.may(right, session)

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Entered around what he asks for, which is cancelled should he lose his rights."""
        return self.admissions.admit(self)
